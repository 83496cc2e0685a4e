package host

import (
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// What a module gets is what its rule grants, its key may be granted and its
// manifest asks for, and its limits likewise.
func TestRightsAndLimitsOfAModule(t *testing.T) {
	c := Config{
		ResultLimit: 1000, ModuleStackMiB: 3,
		Modules:    policy.Rules{"m": {Read: []string{"/data/**"}, Limits: policy.Limits{Rows: 10, ResultLimit: 2000}}},
		ModuleKeys: []module.Key{{Name: "k", Capabilities: []string{"read:/data/pub/*"}}},
	}
	for signer, want := range map[string]string{"": "", "k": "signed by the key k", "another": ""} {
		r := c.rights("m", nil, signer)
		if err := r.CheckPath(policy.Read, "/data/pub/x"); err != nil {
			t.Errorf("signed by %q: %v", signer, err)
		}
		if err := r.CheckPath(policy.Read, "/data/x"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("signed by %q: %v", signer, err)
		}
	}
	l := c.limits("m", abi.Limits{Rows: 5, StackMiB: 60, Cursors: 100})
	if l.Rows != 5 || l.ResultLimit != 2000 || l.StackMiB != 3 || l.Cursors != abi.DefaultLimits.Cursors || l.TimeLimit != 0 {
		t.Errorf("limits %+v", l)
	}
}
