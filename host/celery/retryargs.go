package celery

import (
	"encoding/json"
	"slices"
)

// RetryArguments are the arguments of a retry that is given args or kwargs alone,
// nil for the one it is not given: what the call had in the other way is kept
// unless it is the same parameter. params are the parameters' names, in their
// order. It is Celery 5.7's Task.retry.
func (t *Task) RetryArguments(params []string, args []json.RawMessage, kwargs map[string]json.RawMessage) ([]json.RawMessage, map[string]json.RawMessage) {
	switch {
	case args != nil && kwargs == nil && len(t.Kwargs) > 0:
		given := params[:min(len(args), len(params))]
		kwargs = map[string]json.RawMessage{}
		for _, m := range t.Kwargs {
			if !slices.Contains(given, m.Key) {
				kwargs[m.Key] = m.Value
			}
		}
	case kwargs != nil && args == nil && len(t.Args) > 0 && len(t.Args) <= len(params):
		args = slices.Clone(t.Args)
		rest := map[string]json.RawMessage{}
		for name, v := range kwargs {
			if i := slices.Index(params[:len(args)], name); i >= 0 {
				args[i] = v
			} else {
				rest[name] = v
			}
		}
		kwargs = rest
	}
	return args, kwargs
}
