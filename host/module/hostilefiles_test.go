package module

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/heapfloor"
	"github.com/sparkstalk/sparkstalk/host/module/rewrite"
)

// TestHostileFiles puts files next to a module that serves: they are refused,
// in good time, with a reason. Each is another one than the one before, so that it
// has to be looked at.
func TestHostileFiles(t *testing.T) {
	times, measured := hostileTimes(t)
	if measured {
		fmt.Printf("| file | MB | times | refused as | looked at | others p50, ms | p99, ms | most, ms | without p50, ms | p99, ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	}
	bomb := slices.Concat(slices.Repeat([]byte{0x20, 0, 0x04, 0x40, end}, 20_000), i32(0), []byte{end})
	huge := `{"abi":1,"tasks":[{"name":"t.huge","doc":"` + strings.Repeat("x", 2<<20) + `"}]}`
	// Functions that are good, but for the last one; if it is measured, as many as a
	// file can have.
	many := slices.Repeat([][]byte{slices.Concat(slices.Repeat([]byte{0x41, 1, 0x1a}, 60_000), []byte{end})}, 10)
	if measured {
		many = slices.Repeat(many, 30)
	}
	for _, test := range []struct {
		name, want string
		kind       Kind
		file       asm
	}{
		{"compile bomb", "to compile, the limit is", OverLimit, asm{manifest: manifest("t.bomb"), run: bomb}},
		{"compile bomb at the end of a large file", "to compile, the limit is", OverLimit, asm{manifest: manifest("t.bomb"), more: append(many, bomb)}},
		{"huge manifest", "manifest takes 2097198 bytes, the limit is 1048576", BadManifest, asm{manifest: huge, memory: []byte{0, 64}, resultAt: 3 << 20}},
		{"name of another", "already has a task named t.good", TaskNameConflict, asm{manifest: manifest("t.good")}},
		{"describes itself for ever", "longer than 100ms", DescribeFailed, asm{manifest: manifest("t.x"), describe: bodyLoop}},
		{"large memory", "the limit is 8192 (setting memory_mib)", OverLimit, asm{manifest: manifest("t.x"), memory: append([]byte{0}, leb(1<<16)...)}},
		{"large table", "begins with 16777216 entries", OverLimit, asm{manifest: manifest("t.x"), table: append([]byte{1, 0x70, 0}, leb(1<<24)...)}},
		{"imports the guard", "it imports " + rewrite.ImportModule + " itself", Invalid, asm{manifest: manifest("t.x"),
			imports: [][]byte{slices.Concat(str(rewrite.ImportModule), str(rewrite.TickName), []byte{0, 1})}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, _ := apart(t)
			cfg.VersionsDir = t.TempDir()
			cfg.DescribeTimeout = 100 * time.Millisecond
			var looked atomic.Int64
			cfg.OnChange = func(i Info) {
				if i.State == Refused {
					looked.Add(1)
				}
			}
			put(t, cfg, "a-good.wasm", small("t.good", 1))
			r := open(t, cfg)
			if measured {
				defer heapfloor.Raise()() // as a worker does
			}
			quiet := watchOther(t, r, func() { time.Sleep(time.Duration(times) * 5 * time.Millisecond) })
			path, file := filepath.Join(cfg.Dir, "bad.wasm"), test.file.bytes()
			var looks sync.WaitGroup
			others := watchOther(t, r, func() {
				for i := range times {
					put(t, cfg, "bad.wasm", append(slices.Clip(file), section(0, append(str("nr"), fmt.Sprint(i)...))...))
					seen := looked.Load()
					if r.enter(path) { // as Run does when it is told of a file
						looks.Go(func() { r.look(t.Context(), path) })
					}
					for wait := time.Now(); looked.Load() == seen && time.Since(wait) < 20*time.Millisecond; {
						time.Sleep(time.Millisecond)
					}
				}
			})
			looks.Wait()
			info := only(t, r, "bad.wasm", Refused)
			if info.Kind != test.kind || !strings.Contains(info.Reason, test.want) {
				t.Fatalf("refused as %s: %s", info.Kind, info.Reason)
			}
			if c, err := r.engine.read(path); err != nil || c.hash != info.Hash {
				t.Errorf("the last file has not been looked at: %v", err)
			}
			if measured {
				fmt.Printf("| %s | %.1f | %d | %s | %d | %.3f | %.3f | %.2f | %.3f | %.3f |\n", test.name, float64(len(file))/1e6, times, test.kind,
					looked.Load(), ms(percentile(others, 50)), ms(p99(others)), ms(slices.Max(others)), ms(percentile(quiet, 50)), ms(p99(quiet)))
			}
		})
	}
}
