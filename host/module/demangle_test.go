package module

import (
	"strings"
	"testing"
)

func TestNamesInAStackAreTheSources(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN4core6option13expect_failed17h87816a823d052ad5E":                               "core::option::expect_failed",
		"_ZN4core9panicking13panic_display17h868401dec3bd2d2fE.110":                        "core::panicking::panic_display",
		"_ZN3std9panicking11begin_panic28_$u7b$$u7b$closure$u7d$$u7d$17h106d97be21bfe094E": "std::panicking::begin_panic::{{closure}}",
		"_RNvCs1234_7mycrate3foo": "mycrate::foo",
		"_ZN5words3topEi":         "words::top",
		"_Z3topi":                 "top",
		"longest":                 "longest",
		"_Rubbish":                "_Rubbish",
		"_ZNSt":                   "_ZNSt",
	} {
		stack := "wasm stack trace:\n\t." + name + "(i32,i32)\n\t\t0x16: _ZN4core.rs:1:2\n\t.other() i32"
		if got := demangled(stack); got != strings.Replace(stack, name+"(", want+"(", 1) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	// A name whose parts refer to each other doubles with each.
	long := "_ZN1aI" + strings.Repeat("1bI", 60) + "i" + strings.Repeat("E", 60) + "EE"
	for range 30 {
		long = "_RINvC1a1b" + strings.Repeat("TB_B_", 200) + "E"
	}
	if got := demangled("\t." + long + "()\n"); len(got) > len(long)+1<<maxName+100 {
		t.Errorf("%d bytes became %d", len(long), len(got))
	}
}
