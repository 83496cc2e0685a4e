package module

import (
	"context"
	"testing"
)

// BenchmarkRun is what a call costs over and above the task itself, with a
// context that can end, as tasks have it.
func BenchmarkRun(b *testing.B) {
	for _, guest := range []struct {
		name, task string
		file       func() []byte
	}{
		{"hand-written", "t.x", func() []byte { return small("t.x", 1) }},
		{"Go", "guest.version", func() []byte { return goGuest(b) }},
	} {
		b.Run(guest.name, func(b *testing.B) {
			cfg := config(b)
			put(b, cfg, "m.wasm", guest.file())
			r := open(b, cfg)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if err := run(ctx, r, guest.task, &call{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInstance is what a call costs that finds no instance.
func BenchmarkInstance(b *testing.B) {
	cfg := config(b)
	cfg.MaxCalls = 1
	put(b, cfg, "m.wasm", goGuest(b))
	r := open(b, cfg)
	for b.Loop() {
		if err := run(b.Context(), r, "guest.version", &call{}); err != nil {
			b.Fatal(err)
		}
	}
}
