package celery

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// keep remembers a header of the sender's own.
func (t *Task) keep(key string, value any) {
	if t.Headers == nil {
		t.Headers = make(map[string]any)
	}
	t.Headers[key] = value
}

// readHeaders reads the headers of a task message.
func (t *Task) readHeaders(headers map[string]any) (e *DecodeError) {
	// The first two go into the errors of the others.
	if id, ok := headers["id"]; ok {
		t.ID = asText(id)
	}
	if name, ok := headers["task"]; ok {
		t.Name = asText(name)
	}
	for key, value := range headers {
		switch key {
		case "task", "id", "compression":
		case "eta":
			t.ETA, e = t.readTime(key, value)
		case "expires":
			t.Expires, e = t.readTime(key, value)
		case "timelimit":
			e = t.readLimits(value)
		case "lang":
			t.Lang = asText(value)
		case "shadow":
			t.Shadow = asText(value)
		case "group":
			t.Group = asText(value)
		case "group_index":
			t.GroupIndex = nil
			if n, ok := asInt(value); ok {
				t.GroupIndex = &n
			}
		case "retries":
			t.Retries, _ = asInt(value)
		case "root_id":
			t.RootID = asText(value)
		case "parent_id":
			t.ParentID = asText(value)
		case "argsrepr":
			t.ArgsRepr = asText(value)
		case "kwargsrepr":
			t.KwargsRepr = asText(value)
		case "origin":
			t.Origin = asText(value)
		case "ignore_result":
			t.IgnoreResult = nil
			if b, ok := asBool(value); ok {
				t.IgnoreResult = &b
			}
		case "replaced_task_nesting":
			t.ReplacedTaskNesting, _ = asInt(value)
		case "stamped_headers":
			t.StampedHeaders = nil
			if list, ok := value.([]any); ok {
				t.StampedHeaders = make([]string, len(list))
				for i, s := range list {
					t.StampedHeaders[i] = asText(s)
				}
			}
		case "stamps":
			t.Stamps, _ = value.(map[string]any)
		default:
			t.keep(key, value)
		}
		if e != nil {
			return e
		}
	}
	return nil
}

func (t *Task) readTime(key string, value any) (*time.Time, *DecodeError) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case time.Time:
		return &value, nil
	case string:
		if value == "" {
			return nil, nil
		}
		at, err := ParseTime(value)
		if err != nil {
			return nil, t.refuse(Reject, "invalid %s: %v", key, err)
		}
		return &at, nil
	default:
		return nil, t.refuse(Reject, "invalid %s: %v is no text", key, value)
	}
}

// readLimits reads [hard, soft]; zero and null mean none.
func (t *Task) readLimits(value any) *DecodeError {
	t.TimeLimit, t.SoftTimeLimit = nil, nil
	if value == nil {
		return nil
	}
	list, ok := value.([]any)
	if !ok || len(list) != 2 && len(list) != 0 {
		return t.poison("timelimit is %v, not [hard, soft]", value)
	}
	for i, to := range []**float64{&t.TimeLimit, &t.SoftTimeLimit} {
		if i >= len(list) || list[i] == nil {
			continue
		}
		seconds, ok := asFloat(list[i])
		if !ok || math.IsNaN(seconds) || seconds < 0 {
			return t.poison("timelimit %v is no number of seconds", list[i])
		}
		if seconds > 0 {
			*to = &seconds
		}
	}
	return nil
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case nil, map[string]any, []any, bool:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

func asBool(v any) (value, ok bool) {
	if b, ok := v.(bool); ok {
		return b, true
	}
	f, ok := asFloat(v)
	return f != 0, ok
}

func asInt(v any) (int, bool) {
	if f, ok := asFloat(v); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f), true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int16:
		return float64(v), true
	case int8:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// headerValues returns the fields of protocol 1 that are headers in protocol 2.
func headerValues(fields Object) map[string]any {
	h := make(map[string]any, len(fields))
	for _, m := range fields {
		switch m.Key {
		case "task", "id", "lang", "shadow", "eta", "expires", "group", "group_index", "retries", "timelimit", "root_id", "parent_id",
			"argsrepr", "kwargsrepr", "origin", "ignore_result":
			h[m.Key] = headerValue(m.Value)
		}
	}
	return h
}

// HeaderValue returns a JSON value as headers have it; what is no JSON is null.
func HeaderValue(raw json.RawMessage) any {
	if Valid(raw) != nil {
		return nil
	}
	return plainNumbers(headerValue(raw))
}

// HeaderJSON returns a header's value as JSON that any reader takes: what JSON
// has no form for, such as an infinite number, is a text.
func HeaderJSON(v any) json.RawMessage {
	if raw := jsonOf(v); json.Valid(raw) {
		return raw
	}
	return Quote(fmt.Sprint(v))
}

// jsonOf is a header's value as JSON, in Python's form.
func jsonOf(v any) json.RawMessage {
	switch v := v.(type) {
	case nil:
		return json.RawMessage("null")
	case bool:
		return boolean(v)
	case string:
		return Quote(v)
	case []byte:
		return Quote(string(v))
	case float64:
		return float(v)
	case json.Number:
		return json.RawMessage(v)
	case []any:
		list := make([]json.RawMessage, len(v))
		for i := range v {
			list[i] = jsonOf(v[i])
		}
		return AppendArray(nil, list)
	case map[string]any:
		var o Object
		for key, value := range v {
			o = append(o, Member{Key: key, Value: jsonOf(value)})
		}
		slices.SortFunc(o, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
		return o.Append(nil)
	}
	if f, ok := asFloat(v); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return integer(int64(f))
	}
	return Quote(fmt.Sprint(v))
}

// plainNumbers turns numbers into those that a message may carry.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // infinite where it overflows
		return f
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

func headerValue(raw json.RawMessage) any {
	switch raw = trim(raw); raw[0] {
	case 'n':
		return nil
	case 't', 'f':
		return raw[0] == 't'
	case '"':
		return unquote(raw)
	case '[':
		list := []any{}
		_ = eachElement(raw, func(v json.RawMessage) bool { // checked before
			list = append(list, headerValue(v))
			return true
		})
		return list
	case '{':
		o, _ := Members(raw) // checked before
		out := make(map[string]any, len(o))
		for _, m := range o {
			out[m.Key] = headerValue(m.Value)
		}
		return out
	default:
		return json.Number(raw)
	}
}
