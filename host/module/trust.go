package module

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// A Key is one whose signature the host knows, and what it is good for.
type Key struct {
	// Name is what people call it, for logs.
	Name string `json:"name"`
	// Key is the public key, as `sparkstalk keygen` prints it or as PEM.
	Key string `json:"key"`
	// Tasks are the names of tasks that modules signed with it may have, or
	// their beginnings with * at the end. Empty allows none.
	Tasks []string `json:"tasks"`
	// Modules are the names that files signed with it may have, without their
	// endings, or their beginnings with * at the end: rules and Config.Trusted go
	// by those. Empty allows all.
	Modules []string `json:"modules"`
	// Capabilities are the most that these modules may be granted, by name or by
	// the beginning of a name with * at the end; the host's rules must grant it as
	// well. A key that names none of [abi.DataCapabilities] leaves these to the
	// rules. A manifest that asks for more is refused; what it asks for without
	// naming it is for whoever grants it to hold to this.
	Capabilities []string `json:"capabilities"`
	// Limits are the most that these modules get, where the host's own are not
	// smaller.
	Limits abi.Limits `json:"limits"`

	public ed25519.PublicKey
}

// CheckKeys reads the keys and reports all that is wrong with them.
func CheckKeys(keys []Key) ([]Key, error) {
	var bad []error
	out, names := make([]Key, 0, len(keys)), make(map[string]bool)
	for i, k := range keys {
		public, err := seal.ParseKey(k.Key)
		switch k.public = public; {
		case k.Name == "":
			bad = append(bad, fmt.Errorf("module key %d has no name", i))
		case names[k.Name]:
			bad = append(bad, fmt.Errorf("two module keys are named %s", k.Name))
		case err != nil:
			bad = append(bad, fmt.Errorf("module key %s: %w", k.Name, err))
		case len(k.Tasks) == 0:
			bad = append(bad, fmt.Errorf(`module key %s has no tasks: give their names, such as reports.* or "*" for all`, k.Name))
		case k.Limits.Check() != nil:
			bad = append(bad, fmt.Errorf("module key %s: limits: %w", k.Name, k.Limits.Check()))
		}
		names[k.Name] = true
		out = append(out, k)
	}
	return out, errors.Join(bad...)
}

// matches reports whether a name is one of a list, or begins as one of it that
// ends with *.
func matches(list []string, name string) bool {
	for _, pattern := range list {
		if beginning, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, beginning) || pattern == name {
			return true
		}
	}
	return false
}

// signer returns whose signature a file has, nil if it has none that the host
// knows and needs none. It is asked before anything of the file is looked at.
func (c *Config) signer(s *seal.Seal) (*Key, error) {
	if !s.Signed() {
		if c.RequireSigned {
			return nil, refusal(Unsigned, "it is not signed, and this host takes signed modules only (require_signed): "+
				"`sparkstalk sign` or `sparkstalk build --sign` with one of its module_keys does that")
		}
		return nil, nil
	}
	for i := range c.Keys {
		if k := &c.Keys[i]; k.public.Equal(s.Key) {
			return k, nil
		}
	}
	if c.RequireSigned {
		return nil, refusal(Unsigned, "it is signed by %s, which is none of this host's module_keys", seal.FormatKey(s.Key))
	}
	return nil, nil
}

// allows checks a module's name and manifest against what its signer's key is
// good for.
func (k *Key) allows(name string, m abi.Manifest) error {
	if len(k.Modules) > 0 && !matches(k.Modules, name) {
		return refusal(NotAllowed, "its key %s may not sign a module named %s, as the file is: it is for %s", k.Name, name, strings.Join(k.Modules, ", "))
	}
	for _, t := range m.Tasks {
		if !matches(k.Tasks, t.Name) {
			return refusal(NotAllowed, "its key %s may not sign a task named %s: it is for %s", k.Name, t.Name, strings.Join(k.Tasks, ", "))
		}
	}
	for _, c := range m.Capabilities {
		if inData(c) && !slices.ContainsFunc(k.Capabilities, inData) {
			continue
		}
		if !matches(k.Capabilities, c) {
			what := "none"
			if len(k.Capabilities) > 0 {
				what = strings.Join(k.Capabilities, ", ")
			}
			return refusal(NotAllowed, "it asks for the capability %s, which its key %s may not be granted: that may be granted %s", c, k.Name, what)
		}
	}
	return nil
}

// inData reports whether a capability, or the beginning of some, is about rights
// that are granted unasked.
func inData(capability string) bool {
	name, _, _ := strings.Cut(capability, ":")
	beginning, all := strings.CutSuffix(name, "*")
	return slices.ContainsFunc(abi.DataCapabilities, func(c string) bool { return c == name || all && strings.HasPrefix(c, beginning) })
}

// within are the limits that a module asks for, within those of its signer's key.
func (k *Key) within(asked abi.Limits) abi.Limits {
	if k == nil {
		return asked
	}
	return asked.Within(k.Limits)
}
