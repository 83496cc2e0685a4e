package policy

import "github.com/sparkstalk/sparkstalk/abi"

// Limits are what a module's calls may use, where that differs from the host's
// own settings. Zero leaves a limit as it is.
type Limits = abi.Limits

// Limits returns what the rules let a module have: of each limit that of the
// longest pattern that has one, else that of the defaults. It has no more than it
// asks for.
func (r Rules) Limits(module string, defaults, asked Limits) Limits {
	l := defaults
	for _, name := range r.fitting(module) {
		l = r[name].Limits.Over(l)
	}
	return asked.Within(l)
}
