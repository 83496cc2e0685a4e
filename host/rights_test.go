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
	// A rule may be for what a key signed only: its name is whoever's who writes the file.
	c.Modules["m"] = policy.Rule{Read: []string{"/data/**"}, SignedBy: []string{"k", "l"}, Limits: c.Modules["m"].Limits}
	c.ModuleKeys[0].Capabilities = nil
	for signer, ok := range map[string]bool{"": false, "k": true, "another": false} {
		err := c.rights("m", nil, signer).CheckPath(policy.Read, "/data/x")
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "only if they are signed by k or l (signed_by in the setting modules), and this one is not") {
			t.Errorf("signed by %q: %v", signer, err)
		}
	}
	c.ModuleKeys[0].Capabilities = []string{"read:/data/pub/*"}
	if _, err := c.withDefaults(); err == nil || !strings.Contains(err.Error(), "setting modules: m: signed_by names the key l, which is none of module_keys") {
		t.Errorf("withDefaults = %v", err)
	}
	walls := policy.Rules{"m": {SignedBy: []string{"k"}, Isolation: policy.InHost}}
	if err := walls.Check(); err == nil || !strings.Contains(err.Error(), "isolation: host would hold for all files of that name") {
		t.Errorf("Check = %v", err)
	}
	// What the command line grants to all is for all.
	open, err := policy.Rules{"**": c.Modules["m"]}.Allow([]string{"read=/tmp/**"})
	if err != nil {
		t.Fatal(err)
	}
	if err := open.For("x", nil).CheckPath(policy.Read, "/tmp/no-such"); err != nil {
		t.Errorf("allowed: %v", err)
	}
	if err := open.For("x", nil).CheckPath(policy.Read, "/data/no-such"); err == nil {
		t.Error("a grant for signed modules is for all")
	}
	l := c.limits("m", abi.Limits{Rows: 5, StackMiB: 60, Cursors: 100})
	if l.Rows != 5 || l.ResultLimit != 2000 || l.StackMiB != 3 || l.Cursors != abi.DefaultLimits.Cursors || l.TimeLimit != 0 {
		t.Errorf("limits %+v", l)
	}
}
