package hostfn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// capabilities are those that there are.
var capabilities = []string{abi.CapabilityRawPlans}

// A Grant gives a capability to the tasks whose names begin with Tasks.
type Grant struct{ Capability, Tasks string }

// ParseGrants reads the setting capabilities: each is a capability's name, which
// all tasks then have whose module asks for it, or name:task for one task, or
// name:prefix* for those whose names begin so.
func ParseGrants(list []string) ([]Grant, error) {
	grants := make([]Grant, 0, len(list))
	for _, text := range list {
		name, tasks, limited := strings.Cut(text, ":")
		if !slices.Contains(capabilities, name) {
			return nil, fmt.Errorf("setting capabilities: %q is no capability; there is %s", name, strings.Join(capabilities, ", "))
		}
		if !limited {
			tasks = "*"
		}
		if tasks == "" {
			return nil, fmt.Errorf("setting capabilities: %q names no task behind the colon, such as %s:reports.*", text, name)
		}
		grants = append(grants, Grant{name, tasks})
	}
	return grants, nil
}

func (g Grant) covers(task string) bool {
	prefix, all := strings.CutSuffix(g.Tasks, "*")
	return task == g.Tasks || all && strings.HasPrefix(task, prefix)
}

// needs notes an error unless the task has a capability: its module asked for it
// and the host grants it.
func (b *builder) needs(capability string) {
	i := b.i
	if i.task.Rights != nil && i.task.Rights.Check(policy.Right(capability), "") == nil {
		return
	}
	granted := slices.ContainsFunc(i.cfg.Grants, func(g Grant) bool { return g.Capability == capability && g.covers(i.task.Name) })
	switch {
	case !slices.Contains(i.task.Capabilities, capability):
		b.invalid(typePermission, "the module does not ask for the capability %s; its manifest names it in capabilities, the Go SDK with sdk.Needs(%q), the others with needs", capability, capability)
	case !granted:
		b.invalid(typePermission, "this worker does not grant the capability %s to %s; its setting capabilities does, with %s or %s:%s",
			capability, i.task.Name, capability, capability, i.task.Name)
	}
}
