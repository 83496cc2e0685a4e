package module

import (
	"regexp"

	"github.com/ianlancetaylor/demangle"
)

// mangled are the names of functions in a WASM stack that are mangled as Rust and
// C++ do: ".name(" at the beginning of a line.
var mangled = regexp.MustCompile(`(?m)^(\t\.)(_(?:ZN|R|Z)[\w.$]+)(\()`)

// Names become at most that long, a power of two: a module can have one that
// stands for a text without end.
const maxName = 9

// demangled returns a WASM stack with the names as they are in the source. Of
// Rust's the hash at their end is left out.
func demangled(stack string) string {
	return mangled.ReplaceAllStringFunc(stack, func(frame string) string {
		m := mangled.FindStringSubmatch(frame)
		return m[1] + demangle.Filter(m[2], demangle.NoClones, demangle.NoParams, demangle.NoTemplateParams, demangle.MaxLength(maxName)) + m[3]
	})
}
