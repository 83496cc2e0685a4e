package io.sparkstalk.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.MutableAggregationBuffer;
import org.apache.spark.sql.expressions.UserDefinedAggregateFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * An aggregate of a task module. Its state is a binary value that only the module reads; NULL is that of no rows. As with
 * {@link Function}, the host writes a class of its own for each.
 */
@SuppressWarnings("deprecation") // the only aggregates that Spark Connect registers by the name of their class
public abstract class Aggregate extends UserDefinedAggregateFunction {
    private static final long serialVersionUID = 1L;

    private final String spec;
    private transient Spec parsed;

    protected Aggregate(String spec) {
        this.spec = spec;
    }

    private Spec spec() {
        Spec s = parsed;
        if (s == null) {
            s = parsed = Spec.parse(spec);
        }
        return s;
    }

    private Object step(byte step, Row state, Row other, Object... arguments) {
        Spec s = spec();
        byte[] left = (byte[]) state.get(0);
        byte[] right = other == null ? null : (byte[]) other.get(0);
        return Guest.of(s, getClass().getClassLoader()).step(s, step, left, right, arguments);
    }

    @Override
    public StructType inputSchema() {
        Spec s = spec();
        StructField[] fields = new StructField[s.arguments.length];
        for (int i = 0; i < fields.length; i++) {
            fields[i] = new StructField("argument" + (i + 1), DataType.fromDDL(s.arguments[i].ddl), true, Metadata.empty());
        }
        return new StructType(fields);
    }

    @Override
    public StructType bufferSchema() {
        return new StructType(new StructField[] {new StructField("state", DataTypes.BinaryType, true, Metadata.empty())});
    }

    @Override
    public DataType dataType() {
        return DataType.fromDDL(spec().result.ddl);
    }

    @Override
    public boolean deterministic() {
        return true;
    }

    @Override
    public void initialize(MutableAggregationBuffer buffer) {
        buffer.update(0, null);
    }

    @Override
    public void update(MutableAggregationBuffer buffer, Row input) {
        Object[] arguments = new Object[input.size()];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = input.get(i);
        }
        buffer.update(0, step(Guest.UPDATE, buffer, null, arguments));
    }

    @Override
    public void merge(MutableAggregationBuffer buffer, Row other) {
        buffer.update(0, step(Guest.MERGE, buffer, other));
    }

    @Override
    public Object evaluate(Row buffer) {
        return step(Guest.FINISH, buffer, null);
    }
}
