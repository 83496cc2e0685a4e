package sdktest

import "github.com/sparkstalk/sparkstalk/abi"

// RecordedModule is [Recorded] for a module that is not the package under test:
// one in another language, whose tasks [Host.Run] runs. It is how "sparkstalk test"
// answers the tests of such modules. A test that asks the engine nothing has no
// file.
func RecordedModule(tb NamedTB, m abi.Manifest, where Recording) *Host {
	tb.Helper()
	where.optional = true
	h := New(tb)
	h.manifest = func() abi.Manifest { return m }
	return recorded(h, tb, where)
}
