// Package build makes task modules of their sources: a folder in Go, Rust,
// AssemblyScript, C or WebAssembly's own text becomes one file that a host serves.
//
// Each language is built by its own tools, which must be installed; what is
// missing is an error that says how to get it.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Language is what a module is written in.
type Language string

// The languages, by the names that commands use.
const (
	Go             Language = "go"
	Rust           Language = "rust"
	AssemblyScript Language = "as"
	C              Language = "c"
	WAT            Language = "wat"
)

// builder is how a language is recognised and built.
type builder struct {
	language Language
	// marks are patterns of files of which a folder in that language has one.
	marks []string
	// build writes the module to out, an absolute path.
	build func(ctx context.Context, dir, out string, o Options) error
}

// builders are in the order in which a folder is matched with them: one with a
// Cargo.toml may have Go and C files too, and one with Go files C files.
var builders = []builder{
	{Rust, []string{"Cargo.toml"}, buildRust},
	{AssemblyScript, []string{"asconfig.json", "assembly/index.ts"}, buildAssemblyScript},
	{Go, []string{"*.go"}, buildGo},
	{C, []string{"*.c"}, buildC},
	{WAT, []string{"*.wat"}, buildWAT},
}

// Options are how a module is built. The zero value is the usual way.
type Options struct {
	// Out is the module's file. Empty is the folder's name with .wasm, or .so for a
	// plugin, beside the folder.
	Out string
	// Native builds a Go plugin (.so) of a module in Go, for hosts that are this
	// very program, instead of WASM.
	Native bool
	// Debug keeps the names of functions and the source's lines, which a trap's
	// stack shows then. The file is larger.
	Debug bool
	// Finish is called with the built file before it is put in its place, under a
	// hidden name in the same folder. It may change the file. Its error keeps the
	// file from its place. Nil does nothing.
	Finish func(ctx context.Context, path string) error
	// Say is told of what takes its time beside the building, such as an
	// installation of a compiler that the folder asks for. Nil tells nobody.
	Say func(line string)
}

// A CompileError is what a language's tools have against the source.
type CompileError struct {
	// Dir is the source's folder.
	Dir string
	// Language is what the folder was taken for.
	Language Language
	// Output is what the tools printed, and Err how they ended.
	Output string
	Err    error
}

// Error has the tools' output behind one line of its own.
func (e *CompileError) Error() string {
	return fmt.Sprintf("build %s: %v\n%s", e.Dir, e.Err, e.Output)
}

// Unwrap returns Err.
func (e *CompileError) Unwrap() error { return e.Err }

// Detect returns what the source in a folder is written in.
func Detect(dir string) (Language, error) {
	b, err := detect(dir)
	return b.language, err
}

func detect(dir string) (builder, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return builder{}, fmt.Errorf("build: %w", err)
	}
	if !info.IsDir() {
		return builder{}, fmt.Errorf("build %s: not a folder; name the one that has the module's source", dir)
	}
	var all []string
	for _, b := range builders {
		for _, mark := range b.marks {
			found, err := filepath.Glob(filepath.Join(escape(dir), filepath.FromSlash(mark)))
			if err != nil {
				return builder{}, fmt.Errorf("build %s: %w", dir, err)
			}
			if len(found) > 0 {
				return b, nil
			}
		}
		all = append(all, b.marks...)
	}
	return builder{}, fmt.Errorf("build %s: there is no source of a module in it; it has none of %s", dir, strings.Join(all, ", "))
}

// escape has a pattern take a path as it is.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// Build makes the module of the source in dir and puts it in its place in one
// step, so that a host that watches the folder never sees half a file. It
// returns the file's absolute path. A source that does not compile is a
// [*CompileError]; then, and after any other error, the place is as it was.
func Build(ctx context.Context, dir string, o Options) (string, error) {
	b, err := detect(dir)
	if err != nil {
		return "", err
	}
	if o.Native {
		if b.language != Go {
			return "", fmt.Errorf("build %s: only modules in Go can be native plugins, and this is one in %s", dir, b.language)
		}
		b.build = buildNative
	}
	if o.Out == "" {
		o.Out = DefaultOut(dir)
		if o.Native {
			o.Out = strings.TrimSuffix(o.Out, ".wasm") + ".so"
		}
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	// A watching host does not look at hidden names.
	// It ends as the module's own does, for Finish.
	extension := filepath.Ext(out)
	temp := filepath.Join(filepath.Dir(out), fmt.Sprintf(".%s.%d%s", strings.TrimSuffix(filepath.Base(out), extension), os.Getpid(), extension))
	defer os.Remove(temp) // renamed away when all went well
	if err := b.build(ctx, dir, temp, o); err != nil {
		if compile, ok := errors.AsType[*CompileError](err); ok {
			compile.Dir, compile.Language = dir, b.language
			return "", compile
		}
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	if o.Finish != nil {
		if err := o.Finish(ctx, temp); err != nil {
			return "", fmt.Errorf("build %s: %w", dir, err)
		}
	}
	if err := os.Rename(temp, out); err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return out, nil
}

// DefaultOut is where [Build] puts the module of a folder.
func DefaultOut(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = filepath.Clean(dir)
	}
	return abs + ".wasm"
}

func (o Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, args...))
	}
}

// compile runs a language's tool in dir. Its output, should it fail, is a
// [*CompileError].
func compile(ctx context.Context, dir string, env []string, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	return ended(ctx, filepath.Base(tool), text, err)
}

// ended makes a tool's end an error, or nil.
func ended(ctx context.Context, tool string, output []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return err
	}
	return &CompileError{Output: strings.TrimSpace(string(output)), Err: fmt.Errorf("%s: %w", tool, err)}
}
