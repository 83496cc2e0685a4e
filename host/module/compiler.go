package module

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// An order is what a compiler is told, as a line of JSON before the module. Its
// input stays open as long as whoever wants it lives.
type order struct {
	CacheDir string `json:"cache_dir"`
	CacheMiB int    `json:"cache_mib"`
	Workers  int    `json:"workers"`
	MiB      int    `json:"mib"`
	Nice     int    `json:"nice"`
	Length   int    `json:"length"`
}

// How a compiler ends, other than well: the module is at fault, as it has said
// on its output, or something else is.
const (
	exitRefused = 3
	exitFailed  = 4
)

// RunCompiler is the process of [Config.Compiler]: it compiles the module on its
// input into the compilation cache and returns the process's exit status. The
// process is to exit with it at once.
func RunCompiler(in io.Reader, out io.Writer) int {
	if err := compileOrder(in); err != nil {
		_, _ = fmt.Fprintln(out, err) // nobody is left to be told of another
		if _, ok := errors.AsType[*RefusedError](err); ok {
			return exitRefused
		}
		return exitFailed
	}
	return 0
}

func compileOrder(in io.Reader) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what to compile: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read what to compile: %w", err)
	}
	file := make([]byte, o.Length)
	if _, err := io.ReadFull(r, file); err != nil {
		return fmt.Errorf("read what to compile: %w", err)
	}
	go func() { // the host is gone, and with it who waits for this
		_, _ = io.Copy(io.Discard, r)
		os.Exit(exitFailed)
	}()
	runtime.GOMAXPROCS(o.Workers)
	debug.SetMemoryLimit(int64(o.MiB) << 20 / 4 * 3)
	if err := restrict(o.MiB, o.Nice); err != nil {
		return fmt.Errorf("limit the compiler: %w", err)
	}
	log := slog.New(slog.DiscardHandler)
	c := &codeCache{dir: filepath.Join(o.CacheDir, cacheFolder), limit: int64(o.CacheMiB) << 20, log: log, sealed: make(map[string]entryStamp)}
	e := &engine{log: log, cache: c, cfg: Config{CompileWorkers: o.Workers}}
	if e.codes, err = wazero.NewCompilationCacheWithDir(c.dir); err != nil {
		return err
	}
	ctx := context.Background()
	e.runtime = wazero.NewRuntimeWithConfig(ctx, runtimeConfig().WithCompilationCache(e.codes))
	_, err = e.compileNow(ctx, file)
	return err
}

// outOfMemory reports whether that is how Go's runtime ended.
func outOfMemory(text string) bool {
	for _, words := range []string{"out of memory", "cannot allocate memory", "failed to create new OS thread"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// compileApart has the compiler put a module's code into the cache. Its errors
// are refusals, or the cause of ctx's end.
func (e *engine) compileApart(ctx context.Context, file []byte) error {
	head, err := json.Marshal(order{
		CacheDir: e.cfg.CacheDir, CacheMiB: e.cfg.CacheMiB, Workers: e.cfg.CompileWorkers, MiB: e.cfg.CompileMiB, Nice: *e.cfg.CompileNice, Length: len(file),
	})
	if err != nil {
		return refusal(Invalid, "it does not compile: %w", err)
	}
	limit := refusal(CompileTimeout, "compiling takes longer than %v (setting module_compile_timeout)", e.cfg.CompileTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.CompileTimeout, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.cfg.Compiler[0], e.cfg.Compiler[1:]...)
	// Few collections: it is a short life, and the limit is the system's.
	cmd.Env = []string{"GOGC=400", "GOMAXPROCS=" + strconv.Itoa(e.cfg.CompileWorkers)}
	var said, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &trouble
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.log.Warn("the compiler does not start, modules are compiled by the host itself", logkey.Error, err)
		return nil
	}
	_, err = in.Write(append(append(head, '\n'), file...)) // left open: its end is the host's
	if waitErr := cmd.Wait(); waitErr != nil {
		err = waitErr
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := strings.TrimSpace(said.String())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		switch {
		case exit.ExitCode() == exitRefused:
			return refusal(Invalid, "%s", strings.TrimPrefix(text, ": "))
		case outOfMemory(trouble.String()):
			return refusal(OverLimit, "compiling takes more than %d MiB of memory (setting module_compile_mib)", e.cfg.CompileMiB)
		case strings.HasPrefix(trouble.String(), "SIGSEGV"): // not a panic, which compileNow recovers: Go's runtime itself
			return refusal(OverLimit, "the compiler crashed, as it does where it has too little memory: it may take %d MiB (setting module_compile_mib)", e.cfg.CompileMiB)
		case exit.ExitCode() == exitFailed:
			e.log.Warn("the compiler failed, the host compiles the module itself", logkey.Error, text)
			return nil
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(trouble.String()), "\n")
	return refusal(Invalid, "the compiler ended unexpectedly: %w: %s", err, first)
}
