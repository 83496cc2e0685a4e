package module

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
	"github.com/sparkstalk/sparkstalk/host/module/watch"
)

// name is how people call the module in a file.
func name(path string) string {
	base := filepath.Base(path)
	if extension := filepath.Ext(base); slices.Contains(watch.Extensions, extension) {
		return strings.TrimSuffix(base, extension)
	}
	return base
}

// contents is a file, read once: these bytes are hashed, checked and compiled.
type contents struct {
	path, hash string
	size       int64
	data       []byte
}

// errMoving says that a file changed while it was read.
var errMoving = errors.New("the file is being written")

// read reads a file that may be gone (fs.ErrNotExist), moving, or refused.
func (e *engine) read(path string) (contents, error) {
	c := contents{path: path}
	limit := int64(e.cfg.MaxFileMiB) << 20
	f, err := seal.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close() // read only: nothing is lost
	before, err := f.Stat()
	if err != nil {
		return c, err
	}
	if !before.Mode().IsRegular() {
		return c, refusal(Unreadable, "not a regular file")
	}
	if before.Size() > limit {
		return c, refusal(TooLarge, "%d bytes, the limit is %d", before.Size(), limit)
	}
	c.data = make([]byte, before.Size()) // not io.ReadAll, whose garbage is many times the file
	if _, err = io.ReadFull(f, c.data); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return c, errMoving
	}
	if err != nil {
		return c, err
	}
	after, err := f.Stat()
	if err != nil {
		return c, err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return c, errMoving
	}
	sum := sha256.Sum256(c.data)
	c.hash, c.size = hex.EncodeToString(sum[:]), int64(len(c.data))
	return c, nil
}

// unseal returns the seal of a file, nil without one, and what is to be compiled:
// the bytes that the seal's hash is of.
func unseal(file []byte) (*seal.Seal, []byte, error) {
	s, err := seal.Read(file)
	switch {
	case errors.Is(err, seal.ErrCut):
		return nil, nil, refusal(Truncated, "%w", err)
	case errors.Is(err, seal.ErrForged):
		return nil, nil, refusal(Forged, "%w", err)
	case err != nil:
		return nil, nil, refusal(Damaged, "%w", err)
	case s == nil:
		return nil, file, nil
	}
	return s, file[:s.Length], nil
}

// load compiles a file, asks it what it serves, and returns it with a warm
// instance and one reference. accept has the last word, unless it is nil. An
// error is a *RefusedError or the cause of ctx's end.
func (e *engine) load(ctx context.Context, c contents, accept func(*Info) error, closed func(*version)) (*version, error) {
	if isNative(c.path) {
		return e.loadNative(ctx, c, accept, closed)
	}
	l := loading{contents: c, accept: accept, closed: closed}
	var err error
	l.sealed, l.binary, err = unseal(c.data)
	if err == nil {
		l.signer, err = e.cfg.signer(l.sealed)
	}
	if err == nil {
		err = structure(l.binary)
	}
	if err != nil {
		return nil, refuse(c.path, Invalid, err)
	}
	v, err := e.build(ctx, l, l.asked())
	if other, ok := errors.AsType[*otherLimits](err); ok {
		// What the file's seal did not tell, its manifest does.
		v, err = e.build(ctx, l, other.asked)
		if _, again := errors.AsType[*otherLimits](err); again {
			return nil, refuse(c.path, BadManifest, err)
		}
	}
	return v, err
}

// A loading is a file on its way to be a version.
type loading struct {
	contents
	sealed *seal.Seal // nil without one
	binary []byte     // what is compiled
	signer *Key
	accept func(*Info) error
	closed func(*version)
}

// asked are the limits that the manifest in the seal asks for, within those of
// the signer's key.
func (l loading) asked() abi.Limits {
	var m abi.Manifest
	if l.sealed != nil {
		// One that cannot be read is refused later, with a reason.
		_ = json.Unmarshal(l.sealed.Manifest, &m)
	}
	return l.signer.within(m.Limits)
}

// otherLimits is the error of a module that asks for other limits than it was
// compiled for.
type otherLimits struct{ asked abi.Limits }

func (o *otherLimits) Error() string {
	return "it asks for other limits each time that it describes itself"
}

// build makes a version with the limits of a module that asks for some.
func (e *engine) build(ctx context.Context, l loading, asked abi.Limits) (*version, error) {
	module := name(l.path)
	limits := e.limits(module, asked)
	if err := limits.Check(); err != nil {
		return nil, refuse(l.path, OverLimit, err)
	}
	guarded, err := e.guarded(module, l.binary, limits, l.signer)
	if err != nil {
		return nil, refuse(l.path, Invalid, err)
	}
	compiled := &code{file: guarded}
	if !e.isolated(module) {
		if compiled, err = e.compile(ctx, l.hash, guarded); err != nil {
			return nil, e.reason(ctx, l.path, Invalid, err)
		}
	}
	compiled.name, compiled.hash, compiled.limits = module, l.hash, limits
	v := &version{
		engine: e, code: compiled, closed: l.closed,
		log: newLineLog(e.log.With(logkey.Module, module)),
		info: Info{
			Path: l.path, Name: module, Hash: l.hash, Size: l.size, CompileTime: compiled.took,
		},
		slots: make(chan struct{}, limits.Instances),
	}
	v.refs.Store(1)
	v.info.seal(l.sealed)
	err = v.describe(ctx, l.binary, l.sealed, l.signer)
	if err == nil && l.accept != nil {
		err = l.accept(&v.info)
	}
	if err != nil {
		v.drop()
		// Closing only counts down; there is no error to be had.
		_ = compiled.close(context.WithoutCancel(ctx))
		if other, ok := errors.AsType[*otherLimits](err); ok && other.asked != asked {
			return nil, err
		}
		return nil, e.reason(ctx, l.path, DescribeFailed, err)
	}
	v.began.Store(time.Now().UnixNano())
	return v, nil
}

// reason makes err a refusal, unless it is only that ctx has ended.
func (e *engine) reason(ctx context.Context, path string, kind Kind, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("load %s: %w", path, context.Cause(ctx))
	}
	return refuse(path, kind, err)
}

// describe checks the module and fills in what it says of itself. The instance
// that was asked becomes the first of the pool, so that the first call finds it.
func (v *version) describe(ctx context.Context, file []byte, sealed *seal.Seal, signer *Key) error {
	e := v.engine
	within := func(d time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, d, fmt.Errorf("it takes longer than %v", d))
	}
	timeout := e.cfg.DescribeTimeout
	if v.code.file != nil {
		timeout += e.cfg.CompileTimeout // its process compiles as well
	} else if err := e.check(v.code, file); err != nil {
		return err
	}
	starting, cancel := within(timeout)
	defer cancel()
	describing, cancel := within(e.cfg.DescribeTimeout)
	defer cancel()
	if v.code.file == nil {
		starting = describing // both together
	}
	out := newOutput(v.log)
	fail := func(what string, err error) error {
		if ended := errors.Join(starting.Err(), describing.Err()); ended != nil {
			err = cmp.Or(context.Cause(starting), context.Cause(describing))
		} else if said, _ := out.panicked(); said != "" {
			err = fmt.Errorf("%s (%w)", said, err)
		}
		return refusal(DescribeFailed, "it does not %s: %w", what, err)
	}
	in, err := e.instantiate(e.cfg.Enter(starting, abi.Unsupported{Reason: "the module is only being loaded"}), v.code, out)
	if err != nil {
		e.reap(in, func() {})
		if _, refused := errors.AsType[*RefusedError](err); refused {
			return err
		}
		return fail("start", err)
	}
	if v.code.file != nil {
		describing, cancel = within(e.cfg.DescribeTimeout)
		defer cancel()
	}
	data, err := in.describe(describing, e.cfg.Enter)
	if err == nil && in.spoilt {
		err = context.Cause(describing)
	}
	if err != nil {
		in.close()
		if _, ok := errors.AsType[*RefusedError](err); ok {
			return err
		}
		return fail("describe itself", err)
	}
	if err := v.introduce(file, data, sealed, signer); err != nil {
		in.close()
		return err
	}
	v.adopt(in)
	in.idle = time.Now()
	v.idle = append(v.idle, in)
	return nil
}

// introduce checks what a module says of itself in data, and fills it in. file
// is the module, nil for a Go plugin.
func (v *version) introduce(file, data []byte, sealed *seal.Seal, signer *Key) error {
	manifest, err := parseManifest(data)
	if err == nil && sealed != nil && sealed.Manifest != nil && !sameJSON(sealed.Manifest, data) {
		err = refusal(Damaged, "it describes itself otherwise than its seal does: build or sign it again")
	}
	if err == nil && signer != nil {
		v.info.SignedBy, v.info.NoTrial = signer.Name, sealed.NoTrial
		err = signer.allows(v.info.Name, manifest)
	}
	if err == nil && v.engine.cfg.Check != nil {
		if checkErr := v.engine.cfg.Check(manifest); checkErr != nil {
			err = refusal(BadManifest, "%w", checkErr)
		}
	}
	switch {
	case err != nil:
	case file == nil && len(manifest.Functions) > 0:
		err = refusal(BadManifest, "it has functions for Spark's executors, which run WASM: build the module without --native")
	default:
		v.functions, err = functionsOf(file, manifest, int64(v.engine.cfg.MaxFileMiB)<<20)
	}
	if err != nil {
		return err
	}
	asked := signer.within(manifest.Limits)
	v.info.Limits = v.engine.limits(v.info.Name, asked)
	if v.code != nil && v.info.Limits != v.code.limits {
		return &otherLimits{asked}
	}
	v.info.Manifest = data
	v.info.SDK, v.info.Tasks = manifest.SDK, manifest.Tasks
	v.info.Functions = manifest.Functions
	v.info.Caches, v.info.Warm, v.info.Capabilities = manifest.Caches, manifest.Warm, manifest.Capabilities
	return nil
}

// sameJSON reports whether two documents say the same.
func sameJSON(a, b []byte) bool {
	decode := func(data []byte) (v any, err error) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(&v)
		return v, err
	}
	va, errA := decode(a)
	vb, errB := decode(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

func parseManifest(data []byte) (abi.Manifest, error) {
	// A later version's manifest may differ in any way but this.
	var version struct {
		ABI int `json:"abi"`
	}
	if err := json.Unmarshal(data, &version); err == nil && version.ABI > abi.Version {
		return abi.Manifest{}, refusal(AbiTooNew, "built for ABI version %d, this host speaks 1 to %d", version.ABI, abi.Version)
	}
	manifest, err := abi.ParseManifest(data)
	if err != nil {
		return abi.Manifest{}, refusal(BadManifest, "%w", err)
	}
	return manifest, nil
}

// Inspect compiles and describes one file as a registry with that configuration
// would, though Config.Dir is not looked at. The error of a file that would be
// refused is a [*RefusedError]; the Info has then what is known of it.
func Inspect(ctx context.Context, cfg Config, path string) (Info, error) {
	if cfg.Dir == "" {
		cfg.Dir = filepath.Dir(path)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Info{}, err
	}
	e, err := newEngine(ctx, cfg)
	if err != nil {
		return Info{}, err
	}
	info, err := e.inspect(ctx, path)
	return info, errors.Join(err, e.close(ctx))
}

func (e *engine) inspect(ctx context.Context, path string) (Info, error) {
	info := Info{Path: path, Name: name(path), State: Refused, LoadedAt: time.Now()}
	c, err := e.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return info, fmt.Errorf("inspect: %w", err)
	}
	if err == nil {
		var v *version
		info.Hash, info.Size = c.hash, c.size
		if v, err = e.load(ctx, c, nil, func(*version) {}); err == nil {
			defer v.release()
			return v.Info(Serving), nil
		}
	}
	if ctx.Err() != nil {
		return info, err
	}
	refused := refuse(path, Unreadable, err)
	info.Reason, info.Kind = refused.Error(), refused.Kind
	return info, refused
}
