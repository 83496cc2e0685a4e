package rabbitmq

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// toArguments is toTable for arguments of queues and consumers, whose numbers are all
// whole: RabbitMQ refuses the doubles that settings in JSON have.
func toArguments(m map[string]any) (amqp.Table, error) {
	whole := maps.Clone(m)
	for k, v := range whole {
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			whole[k] = int64(f)
		}
	}
	return toTable(whole)
}

// toTable turns header values, or arguments, into what AMQP can carry. Integers
// become int32 where they fit, as Python sends them.
func toTable(m map[string]any) (amqp.Table, error) {
	if m == nil {
		return nil, nil
	}
	out := make(amqp.Table, len(m))
	for k, v := range m {
		if len(k) > maxShort {
			return nil, fmt.Errorf("%.20q…: the name is longer than %d bytes", k, maxShort)
		}
		f, err := toField(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = f
	}
	return out, nil
}

func toField(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, float64, string, []byte, time.Time:
		return v, nil
	case int64:
		return integer(v), nil
	case int:
		return integer(int64(v)), nil
	case int8:
		return int32(v), nil
	case int16:
		return int32(v), nil
	case int32:
		return v, nil
	case uint8:
		return int32(v), nil
	case uint16:
		return int32(v), nil
	case uint32:
		return integer(int64(v)), nil
	case uint:
		return unsigned(uint64(v))
	case uint64:
		return unsigned(v)
	case float32:
		return float64(v), nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return integer(n), nil
		}
		return v.Float64()
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			f, err := toField(v[i])
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			out[i] = f
		}
		return out, nil
	case amqp.Table:
		return toTable(v)
	case map[string]any:
		if v == nil {
			return amqp.Table{}, nil
		}
		return toTable(v)
	}
	return nil, fmt.Errorf("a message cannot carry a %T", v)
}

func integer(n int64) any {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return int32(n)
	}
	return n
}

func unsigned(n uint64) (any, error) {
	if n > math.MaxInt64 {
		return nil, fmt.Errorf("%d is too large for a 64-bit integer", n)
	}
	return integer(int64(n)), nil
}

// fieldSize is the size of a value on the wire, its type letter included.
func fieldSize(v any) int {
	switch v := v.(type) {
	case nil:
		return 1
	case bool:
		return 2
	case int32:
		return 5
	case string:
		return 5 + len(v)
	case []byte:
		return 5 + len(v)
	case []any:
		n := 5
		for _, e := range v {
			n += fieldSize(e)
		}
		return n
	case amqp.Table:
		return 1 + tableSize(v)
	default: // int64, float64, time.Time
		return 9
	}
}

func tableSize(t amqp.Table) int {
	n := 4
	for k, v := range t {
		n += 1 + len(k) + fieldSize(v)
	}
	return n
}

// fromTable gives header values the types that a [broker.Message] promises.
func fromTable(t amqp.Table) map[string]any {
	if t == nil {
		return nil
	}
	for k, v := range t {
		t[k] = fromField(v)
	}
	return t
}

func fromField(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case float32:
		return float64(v)
	case amqp.Decimal:
		return float64(v.Value) / math.Pow10(int(v.Scale))
	case amqp.Table:
		return fromTable(v)
	case []any:
		out := make([]any, len(v)) // an empty array arrives as a nil slice
		for i := range v {
			out[i] = fromField(v[i])
		}
		return out
	}
	return v // nil, bool, int64, float64, string, []byte, time.Time
}
