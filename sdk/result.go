package sdk

import (
	"encoding/json"
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// hand hands a task's result to the host.
func (t *task) hand(host abi.Host, result any) error {
	if df, ok := result.(*spark.DataFrame); ok && df != nil {
		frame, err := df.Handle()
		if err != nil {
			return err
		}
		return host.ResultFrame(frame, t.rows)
	}
	data, err := encode(result)
	if err != nil {
		return err
	}
	return host.ResultJSON(data)
}

func encode(result any) ([]byte, error) {
	if result == nil || isVoid(reflect.TypeOf(result)) {
		return []byte("null"), nil
	}
	data, err := pyjson.Marshal(result)
	if err != nil {
		// What Celery raises for a result that it cannot encode.
		return nil, Errorf("kombu.exceptions.EncodeError", "the result, a %T, cannot be encoded: %w", result, err)
	}
	return data, nil
}

// isVoid says whether a type is a struct without fields, which stands for None.
func isVoid(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 0 && !t.Implements(reflect.TypeFor[json.Marshaler]())
}
