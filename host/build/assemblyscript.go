package build

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sparkstalk/sparkstalk/host/module/rewrite"
)

// assemblyScriptEntry is the source's main file where asconfig.json names none.
const assemblyScriptEntry = "assembly/index.ts"

func buildAssemblyScript(ctx context.Context, dir, out string, o Options) error {
	return compileAssemblyScript(ctx, dir, out, o, assemblyScriptEntry)
}

// compileAssemblyScript compiles files of the folder, with what they import, to a
// module.
func compileAssemblyScript(ctx context.Context, dir, out string, o Options, sources ...string) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return errors.New("node is not in PATH; AssemblyScript's compiler needs Node.js 20 or newer")
	}
	asc, err := findAsc(ctx, dir, o)
	if err != nil {
		return err
	}
	target := "release"
	if o.Debug {
		target = "debug"
	}
	args := append(append([]string{asc}, sources...), "--target", target, "--outFile", out)
	if !o.Debug {
		return compile(ctx, dir, nil, node, args...)
	}
	if err := compile(ctx, dir, nil, node, append(args, "--sourceMap")...); err != nil {
		return err
	}
	return withLines(out)
}

// withLines puts the lines of a module's source map, which is beside it, into the
// module, where the host finds them.
func withLines(out string) error {
	file, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	name := out + ".map"
	sourceMap, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if file, err = rewrite.SourceMap(file, sourceMap); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(out, file, 0o666), os.Remove(name))
}

// findAsc returns the compiler that the folder's package.json asks for. It is
// installed if it is not there, as go and cargo fetch what they need.
func findAsc(ctx context.Context, dir string, o Options) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	asc := filepath.Join("node_modules", "assemblyscript", "bin", "asc.js")
	for at := abs; ; at = filepath.Dir(at) {
		if path := filepath.Join(at, asc); regular(path) {
			return path, nil
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not in PATH; it installs AssemblyScript's compiler, which is not in the folder's node_modules")
	}
	if !regular(filepath.Join(dir, "package.json")) {
		return "", errors.New("AssemblyScript's compiler is not installed; in the folder, run: npm install --save-dev assemblyscript")
	}
	command := "install"
	if regular(filepath.Join(dir, "package-lock.json")) {
		command = "ci"
	}
	o.say("npm %s, for AssemblyScript's compiler", command)
	if err := compile(ctx, dir, nil, npm, command, "--no-fund", "--no-audit"); err != nil {
		return "", err
	}
	if path := filepath.Join(abs, asc); regular(path) {
		return path, nil
	}
	return "", errors.New("package.json does not ask for AssemblyScript's compiler; in the folder, run: npm install --save-dev assemblyscript")
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
