package canvas

import (
	"encoding/json"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Result is the promise of a sent task, or of a group of them: Celery's
// AsyncResult and GroupResult.
type Result struct {
	ID string
	// Parent is the result of the step before, nil for none.
	Parent *Result
	// Children are the members of a group.
	Children []*Result
	// IsGroup tells a group without members from a task.
	IsGroup bool
}

// Tuple returns the result as Celery stores it: [[id, parent], children].
func (r *Result) Tuple() json.RawMessage { return r.append(nil) }

func (r *Result) append(dst []byte) []byte {
	dst = celery.AppendString(append(dst, "[["...), r.ID)
	dst = append(dst, ", "...)
	if r.Parent == nil {
		dst = append(dst, "null"...)
	} else {
		dst = r.Parent.append(dst)
	}
	dst = append(dst, "], "...)
	if !r.IsGroup {
		return append(dst, "null]"...)
	}
	return append(appendResults(dst, r.Children), ']')
}

func appendResults(dst []byte, list []*Result) []byte {
	dst = append(dst, '[')
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = r.append(dst)
	}
	return append(dst, ']')
}

// hasGroup reports whether any of the results is a group's.
func hasGroup(list []*Result) bool {
	for _, r := range list {
		if r.IsGroup {
			return true
		}
	}
	return false
}
