package io.sparkstalk.udf;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Date;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;

import run.endive.runtime.Memory;

/**
 * How a Spark type's values are written for a guest and read from it. A value is a byte, 0 for NULL and 1 for one that
 * follows: integers little-endian in their size, booleans in a byte; dates in days and timestamps in microseconds since
 * 1970; strings, binary and decimals (as text) with their length in four bytes before them; arrays with the number of
 * their elements in four bytes, and each element as a value.
 */
abstract class Type {
    final String ddl;
    /** How many bytes a number takes, and 0 if it is none. */
    final int size;
    /** Whether it is a whole number, and of which range. */
    final boolean whole;

    final long least;
    final long most;
    /** Whether exports take the value as pointer and length, and whether it is text. */
    final boolean isBytes;

    final boolean isText;

    private Type(String ddl) {
        this(ddl, 0);
    }

    private Type(String ddl, int size) {
        this.ddl = ddl;
        this.size = size;
        isText = ddl.equals("string");
        isBytes = isText || ddl.equals("binary");
        whole = false;
        least = most = 0;
    }

    private Type(String ddl, int size, long least, long most) {
        this.ddl = ddl;
        this.size = size;
        this.least = least;
        this.most = most;
        whole = true;
        isBytes = isText = false;
    }

    /** Writes a value that is not null. */
    abstract void write(Buffer out, Object v);

    /** Reads a value that is not null. */
    abstract Object read(Reader in);

    /** The value as a WASM number, for exports that take such. */
    long toWasm(Object v) {
        throw new IllegalArgumentException(ddl + " is not a number in WASM");
    }

    /** A WASM number as a value. */
    Object fromWasm(long v) {
        throw new IllegalArgumentException(ddl + " is not a number in WASM");
    }

    /** A value of the type as people write it. */
    String shown(Object v) {
        return show(v);
    }

    final void writeNullable(Buffer out, Object v) {
        if (v == null) {
            out.putByte(0);
            return;
        }
        out.putByte(1);
        write(out, v);
    }

    final Object readNullable(Reader in) {
        switch (in.getByte()) {
            case 0:
                return null;
            case 1:
                return read(in);
            default:
                throw in.malformed("a value begins neither with 0 nor with 1");
        }
    }

    /** Where a guest's answer is read from. */
    static final class Reader {
        private final Memory memory;
        private int at;
        private final int end;

        Reader(Memory memory, int at, int length) {
            this.memory = memory;
            this.at = at;
            this.end = at + length;
        }

        private int take(int n) {
            int from = at;
            if (n < 0 || n > end - from) {
                throw malformed("it ends within a value");
            }
            at = from + n;
            return from;
        }

        RuntimeException malformed(String why) {
            return new IllegalStateException("the guest's answer cannot be read: " + why);
        }

        byte getByte() {
            return memory.read(take(1));
        }

        short getShort() {
            return memory.readShort(take(2));
        }

        int getInt() {
            return memory.readInt(take(4));
        }

        long getLong() {
            return memory.readLong(take(8));
        }

        byte[] getBytes() {
            int n = getInt();
            return memory.readBytes(take(n), n);
        }

        void finish() {
            if (at != end) {
                throw malformed((end - at) + " bytes are left over");
            }
        }
    }

    static Type parse(String ddl) {
        if (ddl.startsWith("array<") && ddl.endsWith(">")) {
            return new Array(ddl, parse(ddl.substring(6, ddl.length() - 1)));
        }
        if (ddl.startsWith("decimal")) {
            return new Decimal(ddl);
        }
        switch (ddl) {
            case "boolean":
                return BOOLEAN;
            case "tinyint":
                return TINYINT;
            case "smallint":
                return SMALLINT;
            case "int":
                return INT;
            case "bigint":
                return BIGINT;
            case "float":
                return FLOAT;
            case "double":
                return DOUBLE;
            case "string":
                return STRING;
            case "binary":
                return BINARY;
            case "date":
                return DATE;
            case "timestamp":
                return TIMESTAMP;
            default:
                throw new IllegalArgumentException("type " + ddl + " is unknown");
        }
    }

    private RuntimeException mismatch(Object v) {
        return new IllegalArgumentException(show(v) + " is of Java's " + v.getClass().getName() + ", which is no " + ddl + "; cast it");
    }

    private long integer(Object v, long least, long most) {
        if (!(v instanceof Long || v instanceof Integer || v instanceof Short || v instanceof Byte)) {
            throw mismatch(v);
        }
        long n = ((Number) v).longValue();
        if (n < least || n > most) {
            throw new IllegalArgumentException(n + " does not fit " + ddl);
        }
        return n;
    }

    private double floating(Object v) {
        if (v instanceof Number) {
            return ((Number) v).doubleValue();
        }
        throw mismatch(v);
    }

    private static final Type BOOLEAN = new Type("boolean", 1) {
        @Override
        void write(Buffer out, Object v) {
            out.putByte((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return in.getByte() != 0;
        }

        @Override
        long toWasm(Object v) {
            if (v instanceof Boolean) {
                return (Boolean) v ? 1 : 0;
            }
            throw super.mismatch(v);
        }

        @Override
        Object fromWasm(long v) {
            return (int) v != 0;
        }
    };

    private static final Type TINYINT = new Type("tinyint", 1, Byte.MIN_VALUE, Byte.MAX_VALUE) {
        @Override
        void write(Buffer out, Object v) {
            out.putByte((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return in.getByte();
        }

        @Override
        long toWasm(Object v) {
            return super.integer(v, least, most);
        }

        @Override
        Object fromWasm(long v) {
            return (byte) v;
        }
    };

    private static final Type SMALLINT = new Type("smallint", 2, Short.MIN_VALUE, Short.MAX_VALUE) {
        @Override
        void write(Buffer out, Object v) {
            out.putShort((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return in.getShort();
        }

        @Override
        long toWasm(Object v) {
            return super.integer(v, least, most);
        }

        @Override
        Object fromWasm(long v) {
            return (short) v;
        }
    };

    private static final Type INT = new Type("int", 4, Integer.MIN_VALUE, Integer.MAX_VALUE) {
        @Override
        void write(Buffer out, Object v) {
            out.putInt((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return in.getInt();
        }

        @Override
        long toWasm(Object v) {
            return super.integer(v, least, most);
        }

        @Override
        Object fromWasm(long v) {
            return (int) v;
        }
    };

    private static final Type BIGINT = new Type("bigint", 8, Long.MIN_VALUE, Long.MAX_VALUE) {
        @Override
        void write(Buffer out, Object v) {
            out.putLong(toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return in.getLong();
        }

        @Override
        long toWasm(Object v) {
            return super.integer(v, Long.MIN_VALUE, Long.MAX_VALUE);
        }

        @Override
        Object fromWasm(long v) {
            return v;
        }
    };

    private static final Type FLOAT = new Type("float", 4) {
        @Override
        void write(Buffer out, Object v) {
            out.putInt((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return Float.intBitsToFloat(in.getInt());
        }

        @Override
        long toWasm(Object v) {
            return Float.floatToRawIntBits((float) super.floating(v)) & 0xffffffffL;
        }

        @Override
        Object fromWasm(long v) {
            return Float.intBitsToFloat((int) v);
        }
    };

    private static final Type DOUBLE = new Type("double", 8) {
        @Override
        void write(Buffer out, Object v) {
            out.putLong(toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return Double.longBitsToDouble(in.getLong());
        }

        @Override
        long toWasm(Object v) {
            return Double.doubleToRawLongBits(super.floating(v));
        }

        @Override
        Object fromWasm(long v) {
            return Double.longBitsToDouble(v);
        }
    };

    private static final Type STRING = new Type("string") {
        @Override
        void write(Buffer out, Object v) {
            byte[] bytes;
            if (v instanceof byte[]) {
                bytes = Text.toGuest((byte[]) v);
            } else if (v instanceof String) {
                bytes = ((String) v).getBytes(StandardCharsets.UTF_8);
            } else {
                throw super.mismatch(v);
            }
            out.put(bytes);
        }

        @Override
        Object read(Reader in) {
            return Text.toSpark(in.getBytes());
        }

        @Override
        String shown(Object v) {
            return show(v instanceof byte[] ? new String((byte[]) v, StandardCharsets.UTF_8) : v);
        }
    };

    private static final Type BINARY = new Type("binary") {
        @Override
        void write(Buffer out, Object v) {
            if (!(v instanceof byte[])) {
                throw super.mismatch(v);
            }
            out.put((byte[]) v);
        }

        @Override
        Object read(Reader in) {
            return in.getBytes();
        }
    };

    private static final long START_OF_1900 = -2_208_988_800_000L;

    /** The state of an aggregate. */
    static final Type STATE = BINARY;

    private static final Type DATE = new Type("date") {
        @Override
        void write(Buffer out, Object v) {
            out.putInt((int) toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return LocalDate.ofEpochDay(in.getInt());
        }

        @Override
        long toWasm(Object v) {
            if (v instanceof Date) {
                return ((Date) v).toLocalDate().toEpochDay();
            }
            if (v instanceof LocalDate) {
                return ((LocalDate) v).toEpochDay();
            }
            throw super.mismatch(v);
        }

        @Override
        Object fromWasm(long v) {
            return LocalDate.ofEpochDay((int) v);
        }
    };

    private static final Type TIMESTAMP = new Type("timestamp") {
        @Override
        void write(Buffer out, Object v) {
            out.putLong(toWasm(v));
        }

        @Override
        Object read(Reader in) {
            return fromWasm(in.getLong());
        }

        @Override
        long toWasm(Object v) {
            Instant at;
            if (v instanceof Timestamp) {
                Timestamp t = (Timestamp) v;
                // Before that Java's calendar may be another than Spark's: Spark keeps date and time of day.
                at = t.getTime() < START_OF_1900 ? t.toLocalDateTime().atZone(ZoneId.systemDefault()).toInstant() : t.toInstant();
            } else if (v instanceof Instant) {
                at = (Instant) v;
            } else {
                throw super.mismatch(v);
            }
            return Math.addExact(Math.multiplyExact(at.getEpochSecond(), 1_000_000L), at.getNano() / 1000);
        }

        @Override
        Object fromWasm(long v) {
            return Instant.EPOCH.plus(v, ChronoUnit.MICROS);
        }
    };

    private static final class Decimal extends Type {
        Decimal(String ddl) {
            super(ddl);
        }

        @Override
        void write(Buffer out, Object v) {
            byte[] text;
            if (v instanceof BigDecimal) {
                text = ((BigDecimal) v).toPlainString().getBytes(StandardCharsets.ISO_8859_1);
            } else {
                text = Long.toString(super.integer(v, Long.MIN_VALUE, Long.MAX_VALUE)).getBytes(StandardCharsets.ISO_8859_1);
            }
            out.put(text);
        }

        @Override
        Object read(Reader in) {
            String text = new String(in.getBytes(), StandardCharsets.UTF_8);
            try {
                return new BigDecimal(text);
            } catch (NumberFormatException e) {
                throw new IllegalStateException("the guest's answer " + show(text) + " is not a decimal number");
            }
        }
    }

    private static final class Array extends Type {
        private final Type element;

        Array(String ddl, Type element) {
            super(ddl);
            this.element = element;
        }

        @Override
        void write(Buffer out, Object v) {
            if (v instanceof scala.collection.Seq) {
                scala.collection.Seq<?> seq = (scala.collection.Seq<?>) v;
                out.putInt(seq.length());
                scala.collection.Iterator<?> it = seq.iterator();
                while (it.hasNext()) {
                    element.writeNullable(out, it.next());
                }
            } else {
                throw super.mismatch(v);
            }
        }

        @Override
        Object read(Reader in) {
            int n = in.getInt();
            // Each element takes a byte at least.
            if (n < 0 || n > in.end - in.at) {
                throw in.malformed("it ends within an array");
            }
            if (n > Guest.MOST_RESULT / 16) { // what the objects take at least, with a copy
                throw new Guest.Failure("its result has an array of " + n + " elements; an executor with this heap takes " + Guest.MOST_RESULT / 16);
            }
            Object[] out = new Object[n];
            for (int i = 0; i < n; i++) {
                out[i] = element.readNullable(in);
            }
            return out;
        }
    }

    /** A value as people write it, cut after some hundred characters. */
    static String show(Object v) {
        if (v == null) {
            return "NULL";
        }
        if (v instanceof byte[]) {
            byte[] b = (byte[]) v;
            StringBuilder out = new StringBuilder("X'");
            for (int i = 0; i < b.length && i < 40; i++) {
                out.append(String.format("%02X", b[i]));
            }
            return out.append(b.length > 40 ? "…'" : "'").toString();
        }
        String text;
        if (v instanceof scala.collection.Seq) {
            StringBuilder out = new StringBuilder("[");
            scala.collection.Iterator<?> it = ((scala.collection.Seq<?>) v).iterator();
            while (it.hasNext() && out.length() <= 100) {
                out.append(out.length() > 1 ? ", " : "").append(show(it.next()));
            }
            text = out.append("]").toString();
        } else {
            text = v.toString();
        }
        if (text.length() > 100) {
            text = text.substring(0, 100) + "…";
        }
        return v instanceof String ? "'" + text + "'" : text;
    }
}
