package spark

import (
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Spark sends timestamps that are finer than microseconds as nanoseconds of 64
// bits, which are too few for all of them: it fails before 1677 and after 2262.
// It takes them as a struct of these two fields, the first of which says in its
// metadata what they are.
const (
	nanosMicros    = "epochMicros"
	nanosRest      = "nanosWithinMicro"
	nanosKind      = "SPARK::timestampNanos::struct" // ntz or ltz
	nanosPrecision = "SPARK::timestampNanos::precision"
)

// nanosOf returns how many digits a type's seconds have behind the point, if it
// is one of those, and whether it is of no time zone.
func nanosOf(t *sparkpb.DataType) (digits int32, ntz, ok bool) {
	digits = 9
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_TimestampNtzNanos:
		if k.TimestampNtzNanos.Precision != nil {
			digits = k.TimestampNtzNanos.GetPrecision()
		}
		return digits, true, true
	case *sparkpb.DataType_TimestampLtzNanos:
		if k.TimestampLtzNanos.Precision != nil {
			digits = k.TimestampLtzNanos.GetPrecision()
		}
		return digits, false, true
	}
	return 0, false, false
}

// nanosArrow returns the type in which Spark takes such timestamps.
func nanosArrow(digits int32, ntz bool) arrow.DataType {
	kind := "ltz"
	if ntz {
		kind = "ntz"
	}
	return arrow.StructOf(
		arrow.Field{Name: nanosMicros, Type: arrow.PrimitiveTypes.Int64, Metadata: arrow.NewMetadata(
			[]string{nanosKind, nanosPrecision}, []string{kind, strconv.Itoa(int(digits))})},
		arrow.Field{Name: nanosRest, Type: arrow.PrimitiveTypes.Int16},
	)
}

// nanosAppender returns the appender of a column of such timestamps, or nil for
// another one. They are strings, whatever the value: Python's datetime ends at
// microseconds.
func nanosAppender(a arrow.Array, t *sparkpb.DataType) appender {
	_, ntz, ok := nanosOf(t)
	times, plain := a.(*array.Timestamp)
	if !ok || !plain {
		return nil
	}
	unit := times.DataType().(*arrow.TimestampType).Unit
	return func(dst []byte, row int) []byte { return appendNanos(dst, inUnit(int64(times.Value(row)), unit), ntz) }
}

// appendNanos appends "2026-01-02T03:04:05.123456789", with an offset unless it
// is of no time zone.
func appendNanos(dst []byte, t time.Time, ntz bool) []byte {
	dst = append(appendDay(append(dst, '"'), t), t.Format("T15:04:05")...)
	if nanos := t.Nanosecond(); nanos != 0 {
		dst = appendPadded(append(dst, '.'), nanos, 9)
	}
	if !ntz {
		dst = append(dst, "+00:00"...)
	}
	return append(dst, '"')
}

// nanosLiteral reads such a timestamp as [timeLiteral] does.
func nanosLiteral(at time.Time, digits int32, ntz bool) *sparkpb.Expression_Literal {
	micros := at.UnixMicro()
	rest := int32(at.Nanosecond() % 1000)
	if ntz {
		return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_TimestampNtzNanos{
			TimestampNtzNanos: &sparkpb.Expression_Literal_TimestampNTZNanos{EpochMicros: micros, NanosWithinMicro: rest, Precision: &digits},
		}}
	}
	return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_TimestampLtzNanos{
		TimestampLtzNanos: &sparkpb.Expression_Literal_TimestampLTZNanos{EpochMicros: micros, NanosWithinMicro: rest, Precision: &digits},
	}}
}

// nanosIn returns the two parts of a literal of such a timestamp.
func nanosIn(l *sparkpb.Expression_Literal) (micros int64, rest int16, ok bool) {
	switch v := l.GetLiteralType().(type) {
	case *sparkpb.Expression_Literal_TimestampNtzNanos:
		return v.TimestampNtzNanos.GetEpochMicros(), int16(v.TimestampNtzNanos.GetNanosWithinMicro()), true
	case *sparkpb.Expression_Literal_TimestampLtzNanos:
		return v.TimestampLtzNanos.GetEpochMicros(), int16(v.TimestampLtzNanos.GetNanosWithinMicro()), true
	}
	return 0, 0, false
}
