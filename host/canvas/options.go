package canvas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// An option is one execution option: a JSON value, or a signature that is still
// being worked on and shared with where it came from.
type option struct {
	key string
	raw json.RawMessage
	sig *Signature
}

func (o option) value() json.RawMessage {
	if o.sig != nil {
		return o.sig.Append(nil)
	}
	return o.raw
}

func (o option) isNull() bool { return o.sig == nil && celery.IsNull(o.raw) }

// Options are execution options in their order.
type Options []option

func (o Options) find(key string) int {
	return slices.IndexFunc(o, func(p option) bool { return p.key == key })
}

func (o Options) has(key string) bool { return o.find(key) >= 0 }

// get returns an option's JSON, nil when it is absent or null.
func (o Options) get(key string) json.RawMessage {
	if i := o.find(key); i >= 0 && !o[i].isNull() {
		return o[i].value()
	}
	return nil
}

// text returns a string option, "" when it is absent, null or no string.
func (o Options) text(key string) string {
	s, _ := celery.Text(o.get(key))
	return s
}

func (o *Options) set(key string, raw json.RawMessage) { o.put(option{key: key, raw: raw}) }

func (o *Options) setText(key, value string) { o.set(key, celery.Quote(value)) }

// setTextOrNull sets null for "".
func (o *Options) setTextOrNull(key, value string) {
	if value == "" {
		o.set(key, json.RawMessage("null"))
	} else {
		o.setText(key, value)
	}
}

func (o *Options) setInt(key string, n int) { o.set(key, fmt.Appendf(nil, "%d", n)) }

// over returns the options with those of a task that this process serves where
// they say nothing: what Celery's apply_async takes from a registered task. Null
// says something.
func (o Options) over(task abi.TaskOptions) (Options, error) {
	own, err := json.Marshal(struct {
		abi.MessageOptions
		IgnoreResult  *bool    `json:"ignore_result,omitempty"`
		TimeLimit     *float64 `json:"time_limit,omitempty"`
		SoftTimeLimit *float64 `json:"soft_time_limit,omitempty"`
	}{task.MessageOptions, task.IgnoreResult, task.TimeLimit, task.SoftTimeLimit})
	if err != nil {
		return nil, err
	}
	members, err := celery.Members(own)
	if err != nil {
		return nil, err
	}
	o = slices.Clone(o)
	for _, m := range members {
		if !o.has(m.Key) {
			o.set(m.Key, m.Value)
		}
	}
	return o, nil
}

func (o *Options) put(p option) {
	if i := o.find(p.key); i >= 0 {
		(*o)[i] = p
	} else {
		*o = append(*o, p)
	}
}

func (o *Options) remove(key string) {
	if i := o.find(key); i >= 0 {
		*o = slices.Delete(slices.Clone(*o), i, i+1)
	}
}

// rawList returns the elements of an option that holds signatures, as they are.
func rawList(raw json.RawMessage) ([]json.RawMessage, error) {
	if celery.IsNull(raw) {
		return nil, nil
	}
	if raw[0] == '{' {
		return []json.RawMessage{raw}, nil
	}
	return celery.Elements(raw)
}

// addTo appends signatures to a list option, each once: Celery's
// append_to_list_option.
func (o *Options) addTo(key string, sig json.RawMessage) error {
	list, err := rawList(o.get(key))
	if err != nil {
		return fmt.Errorf("option %s: %w", key, err)
	}
	for _, old := range list {
		if sameJSON(old, sig) {
			return nil
		}
	}
	o.set(key, celery.AppendArray(nil, append(slices.Clip(list), sig)))
	return nil
}

// sameJSON reports whether two values are the same, however they are written:
// Python compares signatures as it does dictionaries.
func sameJSON(a, b json.RawMessage) bool {
	if string(a) == string(b) {
		return true
	}
	var values [2]any
	for i, raw := range []json.RawMessage{a, b} {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if d.Decode(&values[i]) != nil {
			return false // one with a number that only Python writes
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// clone copies deeply: signatures in it are no longer shared.
func (o Options) clone() Options {
	out := slices.Clone(o)
	for i, p := range out {
		if p.sig != nil {
			out[i] = option{key: p.key, raw: p.sig.Append(nil)}
		}
	}
	return out
}

func (o Options) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, p := range o {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(celery.AppendString(dst, p.key), ": "...)
		dst = append(dst, p.value()...)
	}
	return append(dst, '}')
}

// merge returns o with what other has, except for what is frozen.
func (o Options) merge(other Options) Options {
	out := slices.Clone(o)
	for _, p := range other {
		if !o.frozen(p.key) {
			out.put(p)
		}
	}
	return out
}

// frozen reports whether an option must not be changed by a caller's: a group
// or stamps that a part of a canvas already has are what others count on.
func (o Options) frozen(key string) bool {
	if !o.has(key) {
		return false
	}
	if key == "group_id" || key == "stamped_headers" {
		return true
	}
	return slices.Contains(o.stamps(), key)
}

// stamps are the names of the stamps among the options.
func (o Options) stamps() []string {
	names, err := celery.Elements(o.get("stamped_headers"))
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(names))
	for _, n := range names {
		if s, ok := celery.Text(n); ok {
			out = append(out, s)
		}
	}
	return out
}
