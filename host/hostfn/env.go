package hostfn

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// TaskEnv implements [abi.Host].
func (i *Invocation) TaskEnv(name string) ([]byte, error) {
	b := i.build("TaskEnv")
	b.count(len(name))
	b.hasRights(policy.Env)
	b.may(policy.Env, name)
	if b.wrong() {
		return nil, i.failed(i.ctx, b.err)
	}
	value, ok := i.cfg.Env(name)
	switch {
	case !ok:
		return []byte("null"), nil
	case !utf8.ValidString(value):
		return nil, i.failed(i.ctx, abi.Errorf(typeValue, "TaskEnv: the value of %s is no text in UTF-8", name))
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return text, nil
}
