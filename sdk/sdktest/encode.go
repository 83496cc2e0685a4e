package sdktest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// encodeArguments writes arguments as abi.Host has them.
func encodeArguments(args []any) ([]byte, error) {
	kwargs := Kwargs{}
	positional := make([]json.RawMessage, 0, len(args))
	for i, a := range args {
		if k, ok := a.(Kwargs); ok {
			if i != len(args)-1 {
				return nil, fmt.Errorf("argument %d is a Kwargs and not the last one", i)
			}
			kwargs = k
			continue
		}
		data, err := encode(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		positional = append(positional, data)
	}
	named, err := encode(map[string]any(kwargs))
	if err != nil {
		return nil, fmt.Errorf("keyword arguments: %w", err)
	}
	return fmt.Appendf(nil, `{"args":%s,"kwargs":%s}`, pyjson.Join('[', positional), named), nil
}

// encode writes a value as kombu does.
func encode(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case []byte:
		if utf8.Valid(v) {
			return special("bytes", string(v))
		}
		return special("base64", base64.StdEncoding.EncodeToString(v))
	case time.Time:
		return special("datetime", v.Format("2006-01-02T15:04:05.999999-07:00"))
	case []any:
		list := make([]json.RawMessage, len(v))
		for i, e := range v {
			var err error
			if list[i], err = encode(e); err != nil {
				return nil, err
			}
		}
		return pyjson.Join('[', list), nil
	case map[string]any:
		list := make([]json.RawMessage, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			key, err := pyjson.Marshal(name)
			if err != nil {
				return nil, err
			}
			value, err := encode(v[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			list = append(list, slices.Concat(key, json.RawMessage(":"), value))
		}
		return pyjson.Join('{', list), nil
	}
	return pyjson.Marshal(v)
}

func special(typ, value string) (json.RawMessage, error) {
	return pyjson.Marshal(struct {
		Type  string `json:"__type__"`
		Value string `json:"__value__"`
	}{typ, value})
}
