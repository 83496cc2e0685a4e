package wasm

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// A numbers source decides what a case is made of.
type numbers interface {
	// below returns a number from 0 to n-1.
	below(n int) int
	// any returns any number.
	any() uint64
}

type drawn struct{ *rand.Rand }

func (d drawn) below(n int) int { return d.IntN(n) }
func (d drawn) any() uint64     { return d.Uint64() }

// given has the numbers that a fuzzer thinks of, and zeros behind them.
type given struct{ bytes []byte }

func (g *given) any() uint64 {
	var b [8]byte
	g.bytes = g.bytes[copy(b[:], g.bytes):]
	return binary.LittleEndian.Uint64(b[:])
}

func (g *given) below(n int) int {
	if len(g.bytes) == 0 {
		return 0
	}
	b := int(g.bytes[0])
	g.bytes = g.bytes[1:]
	return b % n
}

// places are where the memory holds what makes sense, of each kind of argument.
type places struct{ texts, lists, handles []edge }

// furnish fills a memory with texts, lists of texts, handles, and noise between
// them, and says where they are.
func furnish(m api.Memory, from numbers) (p places) {
	at := uint32(0)
	put := func(list *[]edge, length int, data []byte) {
		if uint64(at)+uint64(len(data)) > page {
			return
		}
		m.Write(at, data)
		*list = append(*list, edge{uint64(at), uint64(length)})
		at += uint32(len(data) + from.below(5)) // at any alignment
	}
	words := []string{
		"id", "a.b", "*", "`x", "text", "parquet", "inner", "count", "id > 1", "bigint", "id bigint, s string", "[[1,\"a\"],[2,null]]", "null", "{}", "[]", "1e999",
		`{"task":"t","args":[1],"kwargs":{}}`, `{"call":"listTables"}`, `{"url":"http://127.0.0.1:1/"}`, `{"path":"/out","format":"csv"}`, `{"type":"E","args":["x"]}`,
		"\xff\xfe", "\x00", strings.Repeat("(", 300), strings.Repeat("[", 2000), strings.Repeat("ab,", 500), "/data/../x", "SELECT 1", "array<struct<a:int>>", "PROGRESS",
	}
	for _, w := range words {
		put(&p.texts, len(w), []byte(w))
	}
	for n := range 6 {
		var list []byte
		for range n {
			w := words[from.below(len(words))]
			list = append(binary.LittleEndian.AppendUint32(list, uint32(len(w))), w...)
		}
		put(&p.lists, len(list), list)
	}
	for n := range 6 {
		var list []byte
		for range n {
			list = binary.LittleEndian.AppendUint32(list, uint32(from.below(40)))
		}
		put(&p.handles, n, list)
	}
	for range 50 {
		m.WriteUint64Le(uint32(from.below(page-8)), from.any())
	}
	return p
}

// integers are those at the edges of what there is.
var integers = []uint64{0, 1, 2, 3, 7, 1<<15 - 1, 1 << 15, page - 1, page, 1<<20 + 1, 1<<31 - 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32, 1<<63 - 1, 1 << 63, math.MaxUint64}

// floats likewise.
var floats = []float64{0, 1, -1, 0.5, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64}

// arguments makes the parameters of a call: what makes sense, and what does not.
func (p places) arguments(f function, from numbers) []uint64 {
	params := make([]uint64, len(f.params))
	for i := range params {
		switch {
		case from.below(3) == 0:
			params[i] = uint64(from.below(30)) // a handle perhaps, or a small number
		case f.params[i] == f64 && from.below(2) == 0:
			params[i] = api.EncodeF64(floats[from.below(len(floats))])
		case from.below(4) == 0:
			params[i] = from.any()
		default:
			params[i] = integers[from.below(len(integers))]
		}
	}
	for _, arg := range pointerArgs(f) {
		var e edge
		switch from.below(8) {
		case 0: // as it was made above, of which little is right
			continue
		case 1:
			e = edges[from.below(len(edges))]
		case 2:
			e = edge{uint64(from.below(page)), uint64(from.below(page))}
		case 3: // up to the end, and a little over it
			e.ptr = uint64(page - 1 - from.below(64))
			e.length = page - e.ptr + uint64(from.below(3)) - 1
		default:
			list := p.texts
			switch {
			case arg.handle:
				list = p.handles
			case from.below(2) == 0:
				list = p.lists
			}
			e = list[from.below(len(list))]
			e.length += []uint64{0, 0, 0, 1, math.MaxUint64}[from.below(5)]
		}
		params[arg.slot], params[arg.slot+1] = e.ptr, e.length
	}
	for i := range params { // no more fits an i32
		if f.params[i] == i32 {
			params[i] &= math.MaxUint32
		}
	}
	return params
}

// engineCalls is how many calls of tasks an engine answers.
const engineCalls = 20

// A hostileGuest calls host functions of a real host with anything.
type hostileGuest struct {
	t      testing.TB
	fs     []function
	module api.Module
	binder *hostfn.Binder
	leave  func() // the engine
	calls  int    // of tasks

	returned, failed, trapped int
	slowest                   time.Duration
	slowestOf                 string
}

func newHostileGuest(t testing.TB) *hostileGuest {
	fs := functions()
	g := &hostileGuest{t: t, fs: fs, module: newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, fs), leave: func() {}}
	t.Cleanup(func() { g.leave() })
	return g
}

// meet begins with a new engine, for it keeps all that it is asked.
func (g *hostileGuest) meet() {
	g.leave()
	server := sparktest.Start(lasting{g.t}, func(o *sparktest.Operation) error {
		o.Rows(1, 2, 3)
		return nil
	})
	session, err := spark.Open(spark.Config{Remote: server.Remote()})
	if err != nil {
		g.t.Fatal(err)
	}
	g.leave = func() {
		if err := session.Close(); err != nil {
			g.t.Error(err)
		}
		server.Stop()
	}
	g.binder = hostfn.New(hostfn.Config{Session: session, Cache: cache.New(cache.Config{Session: session, Private: true}), TaskConf: []string{"*"}})
}

// A lasting test has what it starts go on after it: leave ends that.
type lasting struct{ testing.TB }

func (lasting) Helper()        {}
func (lasting) Cleanup(func()) {}

// open is the host's side of one call of a task, which may do everything.
func (g *hostileGuest) open() *hostfn.Invocation {
	if g.calls++; g.calls%engineCalls == 1 {
		g.meet()
	}
	all := []string{"**"}
	asks := policy.Asks{}
	for _, right := range []policy.Right{policy.Read, policy.Write, policy.ReadTable, policy.WriteTable, policy.SQL, policy.RawPlans, policy.Send, policy.Env, policy.HTTP, policy.Conf} {
		asks[right] = all
	}
	return g.binder.Open(g.t.Context(), hostfn.Task{
		ID: "id", Name: "t.x", Module: "m", Version: "1", Args: []byte(`{"args":[],"kwargs":{}}`), Request: []byte(`{}`),
		Rights: policy.Rules(nil).AllowAll().For("m", asks), Capabilities: []string{"raw_plans"},
		State: func(context.Context, string, json.RawMessage) error { return nil },
		Messages: hostfn.Messages{
			Retry:      func(context.Context, abi.Retry) error { return nil },
			Send:       func(context.Context, json.RawMessage) (string, error) { return "id", nil },
			Replace:    func(context.Context, json.RawMessage) error { return nil },
			AddToChord: func(context.Context, json.RawMessage) (string, error) { return "id", nil },
		},
		// So that no plan, of which there are very many, is larger than what is tried.
		Limits: abi.Limits{PlanBytes: 4 << 20},
	})
}

// call is one call of a task, which calls the host so often.
func (g *hostileGuest) call(from numbers, times int) {
	inv := g.open()
	defer inv.Close()
	ctx := WithHost(g.t.Context(), inv)
	p := furnish(g.module.Memory(), from)
	for range times {
		f := g.fs[from.below(len(g.fs))]
		params := p.arguments(f, from)
		begin := time.Now()
		results, err := g.module.ExportedFunction(f.name).Call(ctx, params...)
		if took := time.Since(begin); took > g.slowest {
			g.slowest, g.slowestOf = took, f.name
		}
		switch _, misuse := errors.AsType[*CallError](err); {
		case misuse:
			g.trapped++
		case err != nil:
			g.t.Fatalf("%s%v: %v", f.name, params, err)
		case len(results) > 0 && results[0] == failed:
			g.failed++
		default:
			g.returned++
		}
	}
	if _, err := inv.Result(g.t.Context()); err == nil {
		return // whatever it gave
	}
}

// TestHostileCalls calls all host functions with pointers, lengths, handles and
// numbers of every kind, SPARKSTALK_POINTERS times: "make pointers" says a
// million. Each call returns, with an error code if need be, or is a trap: it
// never panics or hangs, and the memory of the host does not grow with it.
func TestHostileCalls(t *testing.T) {
	times := 20_000
	text := os.Getenv("SPARKSTALK_POINTERS")
	if text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SPARKSTALK_POINTERS: %v", err)
		}
	}
	const each = 250
	seed := rand.Uint64()
	g := newHostileGuest(t)
	from := drawn{rand.New(rand.NewPCG(seed, 1))}
	defer func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	}()
	var peak uint64
	begin := time.Now()
	for done := 0; done < times; done += each {
		g.call(from, each)
		if done%(each*8) == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	took := time.Since(begin)
	n := g.returned + g.failed + g.trapped
	if text != "" {
		fmt.Printf("| calls | functions | returned | error codes | traps | slowest | heap, most | a second |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"+
			"| %d | %d | %d | %d | %d | %v (%s) | %d MiB | %.0f |\n", n, len(g.fs), g.returned, g.failed, g.trapped, g.slowest.Round(time.Microsecond), g.slowestOf, peak>>20, float64(n)/took.Seconds())
	}
	if n < times || g.returned == 0 || g.failed == 0 || g.trapped == 0 {
		t.Errorf("%d calls: %d returned, %d failed, %d trapped", n, g.returned, g.failed, g.trapped)
	}
	if peak > 512<<20 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
}

// FuzzHostileCalls lets the fuzzer choose what TestHostileCalls draws.
func FuzzHostileCalls(f *testing.F) {
	g := newHostileGuest(f)
	for n := range byte(8) {
		f.Add([]byte(strings.Repeat(string([]byte{n, 3 * n, 200 - n}), 100)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g.t = t
		g.call(&given{data}, min(len(data)/8+1, 60))
	})
}
