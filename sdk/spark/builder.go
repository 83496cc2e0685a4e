package spark

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// builder turns columns into the host's handles for one frame, and keeps the
// first error.
type builder struct {
	host    abi.Host
	session *Session
	err     error

	variables map[*node]string // the names of the lambda functions' parameters around
	depth     int              // of lambda functions in each other
}

func (b *builder) fail(format string, args ...any) {
	b.failed(abi.Errorf("ValueError", format, args...))
}

func (b *builder) failed(err error) {
	if b.err == nil {
		b.err = err
	}
}

// wrongType is a Python TypeError, as PySpark gives for a wrong argument.
func wrongType(format string, args ...any) error {
	return abi.Errorf("TypeError", format, args...)
}

func (b *builder) int32(method string, n int) int32 {
	if n < math.MinInt32 || n > math.MaxInt32 {
		b.fail("%s: %d does not fit 32 bits", method, n)
		return 0
	}
	return int32(n)
}

// frame returns the handle of another frame that goes into the one being built.
func (b *builder) frame(df *DataFrame) abi.Frame {
	switch {
	case df == nil:
		b.failed(wrongType("a DataFrame is expected, not nil"))
	case df.err != nil:
		b.failed(df.err)
	case df.session != b.session:
		if err := df.session.check(); err != nil {
			b.failed(err)
			break
		}
		b.fail("a DataFrame of another task call cannot be used in this one")
	default:
		return df.handle
	}
	return 0
}

// exprs returns the handles of several columns.
func (b *builder) exprs(columns []Column) []abi.Expr {
	handles := make([]abi.Expr, len(columns))
	for i, c := range columns {
		handles[i] = b.expr(c)
	}
	return handles
}

// columns returns the handles of columns or their names.
func (b *builder) columns(list []ColumnOrName) []abi.Expr {
	handles := make([]abi.Expr, len(list))
	for i, v := range list {
		handles[i] = b.expr(AsColumn(v))
	}
	return handles
}

// numbered replaces numbers of df's columns, counted from 1, by the columns. A
// negative one is sorted descending.
func (b *builder) numbered(df *DataFrame, list []ColumnOrName) []ColumnOrName {
	var names []string
	out := slices.Clone(list)
	for i, v := range list {
		n, ok := v.(int)
		if !ok {
			continue
		}
		if names == nil {
			var err error
			if names, err = df.Columns(); err != nil {
				b.failed(err)
				return out
			}
		}
		if n == 0 || n > len(names) || n < -len(names) {
			b.failed(abi.Errorf("IndexError", "there is no column %d; columns are numbered from 1, and there are %d", n, len(names)))
			return out
		}
		out[i] = df.Col(quoteName(names[max(n, -n)-1]))
		if n < 0 {
			out[i] = out[i].(Column).Desc()
		}
	}
	return out
}

// quoteName returns what [Col] takes for the column of just this name.
func quoteName(name string) string {
	if !strings.ContainsAny(name, ".`*") {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// orders returns the handles of sort orders; a column that is none sorts
// ascending.
func (b *builder) orders(list []ColumnOrName) []abi.Expr {
	handles := make([]abi.Expr, len(list))
	for i, v := range list {
		c := AsColumn(v)
		if c.node != nil && c.node.kind != kindSort {
			c = c.Asc()
		}
		handles[i] = b.expr(c)
	}
	return handles
}

// expr returns the handle of a column, or 0 once there is an error.
func (b *builder) expr(c Column) abi.Expr {
	n := c.node
	if n == nil {
		b.fail("a Column without a value; make one with F.Col, F.Lit or F.Expr")
	}
	if b.err != nil {
		return 0
	}
	switch n.kind {
	case kindInvalid:
		b.failed(n.err)
		return 0
	case kindName:
		return b.host.ExprColumn(n.text)
	case kindNameOf:
		frame := b.frame(n.frame)
		if b.err != nil {
			return 0
		}
		return b.host.ExprColumnOf(frame, n.text)
	case kindSQL:
		return b.host.ExprSQL(n.text)
	case kindLiteral:
		return b.literal(n.value)
	case kindTypedLiteral:
		return b.host.ExprLiteral(n.text, n.value.(json.RawMessage))
	case kindLambda:
		return b.lambda(n)
	case kindLambdaVariable:
		return b.lambdaVariable(n)
	case kindRegex:
		var frame abi.Frame
		if n.frame != nil {
			frame = b.frame(n.frame)
		}
		if b.err != nil {
			return 0
		}
		return b.host.ExprRegex(frame, n.text)
	case kindMetadataColumn:
		frame := b.frame(n.frame)
		if b.err != nil {
			return 0
		}
		return b.host.ExprMetadataColumn(frame, n.text)
	}
	args := b.exprs(n.args)
	if b.err != nil {
		return 0
	}
	switch n.kind {
	case kindCall:
		return b.host.ExprCall(n.text, args, n.flag)
	case kindCast:
		return b.host.ExprCast(args[0], n.text, n.flag)
	case kindAlias:
		return b.host.ExprAlias(args[0], n.names)
	case kindSubquery:
		frame := b.frame(n.frame)
		if b.err != nil {
			return 0
		}
		return b.host.ExprSubquery(frame, n.subquery, args)
	case kindSort:
		return b.host.ExprSort(args[0], n.flag, n.nullsLast)
	case kindExtract:
		return b.host.ExprExtract(args[0], args[1])
	case kindWithField:
		return b.host.ExprWithField(args[0], n.text, args[1])
	case kindDropFields:
		return b.host.ExprDropFields(args[0], n.names)
	case kindWindow:
		return b.window(args[0], n.window)
	case kindNamedArgument:
		return b.host.ExprNamedArgument(n.text, args[0])
	case kindCallFunction:
		return b.host.ExprCallFunction(n.text, args)
	case kindUDF:
		return b.host.ExprUDF(n.text, args)
	case kindAliasMetadata:
		return b.host.ExprAliasMetadata(args[0], n.text, n.value.([]byte))
	case kindShufflePartition:
		return b.host.ExprShufflePartition(args[0])
	}
	panic(fmt.Sprintf("spark: column of kind %d", n.kind)) // all kinds are above
}

func (b *builder) literal(value any) abi.Expr {
	switch v := value.(type) {
	case bool:
		return b.host.ExprBool(v)
	case int64:
		return b.host.ExprInt(v)
	case float64:
		return b.host.ExprFloat(v)
	case string:
		return b.host.ExprString(v)
	case []byte:
		return b.host.ExprBinary(v)
	}
	return b.host.ExprNull()
}
