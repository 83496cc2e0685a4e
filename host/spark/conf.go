package spark

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A ConfCall is a method of PySpark's spark.conf and its arguments.
type ConfCall struct {
	Call    string // get, getAll, isModifiable, set, unset
	Key     string
	Value   string
	Default *string // of get; nil for none
}

// Conf runs a method of the session's configuration and returns its answer as
// JSON: a string or null for get, an object for getAll, a boolean for
// isModifiable, null for the others. What set and unset change holds for all
// users of the session from then on, also in the sessions that follow when it is
// lost: as many as 1,000 settings and 1 MiB are kept for that, and more of them
// are refused.
//
// Values whose names say that they are secrets are replaced, as in Spark's own
// UI. The setting that marks the session cannot be changed.
func (s *Session) Conf(ctx context.Context, c ConfCall) (json.RawMessage, error) {
	if c.Key == "" && c.Call != "getAll" {
		return nil, wrongArgument("conf.%s: no key is given", c.Call)
	}
	if c.Key == markerKey && (c.Call == "set" || c.Call == "unset") {
		return nil, wrongArgument("conf.%s: %s is sparkstalk's own", c.Call, markerKey)
	}
	switch c.Call {
	case "get":
		operation := &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_Get{Get: &sparkpb.ConfigRequest_Get{Keys: []string{c.Key}}}}
		if c.Default != nil {
			operation = &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_GetWithDefault{
				GetWithDefault: &sparkpb.ConfigRequest_GetWithDefault{Pairs: []*sparkpb.KeyValue{{Key: c.Key, Value: c.Default}}},
			}}
		}
		pair, err := s.confValue(ctx, operation)
		if err != nil {
			return nil, err
		}
		return json.Marshal(redacted(c.Key, pair.Value))
	case "getAll":
		answer, err := s.setting(ctx, &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_GetAll{GetAll: &sparkpb.ConfigRequest_GetAll{}}})
		if err != nil {
			return nil, err
		}
		all := make(map[string]*string)
		for _, pair := range answer.GetPairs() {
			if pair.GetKey() != markerKey {
				all[pair.GetKey()] = redacted(pair.GetKey(), pair.Value)
			}
		}
		return json.Marshal(all)
	case "isModifiable":
		pair, err := s.confValue(ctx, &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_IsModifiable{
			IsModifiable: &sparkpb.ConfigRequest_IsModifiable{Keys: []string{c.Key}},
		}})
		if err != nil {
			return nil, err
		}
		return json.Marshal(pair.GetValue() == "true")
	case "set":
		return json.RawMessage("null"), s.change(ctx, c.Key, &c.Value)
	case "unset":
		return json.RawMessage("null"), s.change(ctx, c.Key, nil)
	}
	return nil, wrongArgument("conf method %q is unknown; there are get, getAll, isModifiable, set and unset", c.Call)
}

// setting asks the engine for, or changes, settings of the session. It may be
// asked twice.
func (s *Session) setting(ctx context.Context, operation *sparkpb.ConfigRequest_Operation) (*sparkpb.ConfigResponse, error) {
	g, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, g); err != nil {
		return nil, err
	}
	return patiently(ctx, s, func() (*sparkpb.ConfigResponse, error) {
		answer, err := s.client.Config(ctx, s.config(g, operation))
		if err != nil {
			return nil, s.fail(ctx, g, err)
		}
		return answer, s.check(ctx, g, answer)
	})
}

func (s *Session) confValue(ctx context.Context, operation *sparkpb.ConfigRequest_Operation) (*sparkpb.KeyValue, error) {
	answer, err := s.setting(ctx, operation)
	if err != nil {
		return nil, err
	}
	if len(answer.GetPairs()) != 1 {
		return nil, errors.New("the engine answered with other than one setting")
	}
	return answer.GetPairs()[0], nil
}

// secretKey is Spark's default of spark.redaction.regex.
var secretKey = regexp.MustCompile(`(?i)secret|password|token|access[.]?key`)

func redacted(key string, value *string) *string {
	if value == nil || !secretKey.MatchString(key) {
		return value
	}
	hidden := "*********(redacted)"
	return &hidden
}
