package module

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
	"github.com/sparkstalk/sparkstalk/host/module/watch"
)

// A Registry has the modules of one folder and the tasks that they serve. Its
// methods may be called by several goroutines.
type Registry struct {
	cfg    Config
	log    *slog.Logger
	engine *engine
	// history has the last versions of the modules, nil without any.
	history  *history
	accepted *accepted
	owners   *owners

	// table is what Acquire reads: an immutable map from task names, replaced
	// as a whole.
	table atomic.Pointer[map[string]served]

	// notify keeps the calls of OnChange apart. It is taken before mu or alone.
	notify sync.Mutex

	// pace has files wait that were refused. loads and weight are how many files are
	// looked at, and how large they are: each takes some times its size.
	pace   pace
	loads  chan struct{}
	weight *semaphore.Weighted

	mu    sync.Mutex
	files map[string]*file
	open  map[*version]bool // versions that are not closed yet
	// resident are Go plugins that were closed, by hash; their code stays.
	resident map[string]*version
	closed   bool
	// verdicts are trials that ended, and anew files that changed while somebody
	// else than Run had their turn; wake tells Run of them.
	verdicts []verdict
	anew     []string
	wake     chan struct{}
	// drained is closed when open is empty after Close.
	drained chan struct{}
	drain   sync.Once
}

// closeTimeout limits how long an Open that was cancelled takes to return.
const closeTimeout = 5 * time.Second

// served is what serves one task: a version and the task's index there, and with
// a canary another one, that serves all calls but a share.
type served struct {
	version *version
	index   int
	other   *version
	place   int // the task's index in other
}

// A file is what the registry knows of a path.
type file struct {
	path string
	// serving is the version in the table, if any, and standby the one before it
	// while serving is on trial.
	serving, standby *version
	// pin is why another version serves than the file's, nil if none does.
	pin *pin
	// waiting is a version that is refused only because another module has one
	// of its task names. It serves as soon as the name is free.
	waiting *version
	// refused describes the file as it is now, if that does not serve.
	refused *Info
	// loading is true while somebody has the file's turn; again says that it changed
	// since. free is closed when the turn ends, nil if nobody waits for that. resting
	// says that it is going to be looked at once it has waited.
	loading, again bool
	resting        bool
	free           chan struct{}
}

// Open makes the folder if it is missing and loads the modules that are in it,
// in parallel. A file that is refused is no error. Of two modules that have a
// task of one name, the one that had it before gets it, as far as VersionsDir
// tells; else the one whose file's name comes first. Open starts nothing that
// outlives it.
func Open(ctx context.Context, cfg Config) (*Registry, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the modules' folder: %w", err)
	}
	if why, err := FolderExposed(cfg.Dir); err == nil && why != "" {
		cfg.Log.Warn("others may write to the folder of modules, and so choose what runs here", logkey.Path, cfg.Dir, logkey.Reason, why)
	}
	paths, err := watch.List(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		cfg: cfg, log: cfg.Log, engine: e,
		files: make(map[string]*file), open: make(map[*version]bool), drained: make(chan struct{}),
		wake: make(chan struct{}, 1), resident: make(map[string]*version),
		loads: make(chan struct{}, filesAtOnce*cfg.CompileWorkers), weight: semaphore.NewWeighted(filesAtOnce * int64(cfg.MaxFileMiB) << 20),
	}
	if cfg.VersionsDir != "" {
		guarded := len(cfg.Keys) > 0 && !cfg.AllowDowngrades
		if r.history, err = openHistory(cfg.VersionsDir, cfg.Dir, cfg.Versions, guarded, cfg.Log); err != nil && guarded {
			return nil, errors.Join(fmt.Errorf("older versions of signed modules could not be told (refuse_downgrades): %w", err), e.close(ctx))
		} else if err != nil {
			r.log.Warn("no versions of modules are kept: there is no way back to one", logkey.Error, err)
		}
		r.history.sweep(paths)
	}
	r.accepted, r.owners = newAccepted(cfg, r.history), newOwners(cfg, r.history)
	r.table.Store(&map[string]served{})
	if err := r.preload(ctx, paths); err != nil {
		// A compilation that has begun cannot be stopped, only waited for a while.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, errors.Join(err, r.Close(late))
	}
	return r, nil
}

// preload prepares files all at once and takes them in one by one, so that
// their order does not depend on how long they take.
func (r *Registry) preload(ctx context.Context, paths []string) error {
	prepared := make([]attempt, len(paths))
	var all sync.WaitGroup
	for i, path := range paths {
		release := r.room(ctx, path)
		all.Go(func() {
			defer release()
			r.settle(ctx, path)
			prepared[i] = r.first(ctx, path)
		})
	}
	all.Wait()
	for _, a := range r.inTurn(ctx, prepared) {
		switch {
		case ctx.Err() != nil:
			a.drop()
		case !errors.Is(a.err, fs.ErrNotExist):
			r.take(a)
			r.keep(a)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("load modules: %w", context.Cause(ctx))
	}
	return nil
}

// whole reports whether a file is sealed and complete.
func (r *Registry) whole(path string) bool {
	return seal.Whole(path, int64(r.cfg.MaxFileMiB)<<20)
}

// settle waits until a file is whole, or has not changed for Config.Settle; if someone keeps
// writing, it is Run's business.
func (r *Registry) settle(ctx context.Context, path string) {
	for range 20 {
		info, err := os.Stat(path)
		if err != nil {
			return // attempt tells what there is to be told
		}
		rest := time.Until(info.ModTime().Add(r.cfg.Settle))
		if rest <= 0 || rest > r.cfg.Settle || r.whole(path) { // or a time in the future
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// Run watches the folder until ctx ends; then it returns nil, once it has
// finished what it began. It fails if the folder is missing and cannot be made.
func (r *Registry) Run(ctx context.Context) error {
	r.mu.Lock()
	known := slices.Collect(maps.Keys(r.files))
	r.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events, watched := make(chan watch.Event), make(chan error, 1)
	go func() {
		w := watch.New(watch.Config{
			Dir: r.cfg.Dir, Settle: r.cfg.Settle, Relist: r.cfg.Relist, Known: known, Log: r.log,
			Whole: r.whole,
		})
		watched <- w.Run(ctx, events)
	}()
	var loads sync.WaitGroup
	defer loads.Wait()
	defer stop() // before the wait
	tidy := time.NewTicker(min(r.cfg.IdleTimeout, 30*time.Second))
	defer tidy.Stop()
	for {
		select {
		case err := <-watched:
			return err
		case <-tidy.C:
			r.trim()
		case <-r.wake:
			for _, v := range r.judgements() {
				loads.Go(func() { r.decide(ctx, v) })
			}
			for _, path := range r.changed() {
				if r.enter(path) {
					loads.Go(func() { r.look(ctx, path) })
				}
			}
		case event := <-events:
			if r.enter(event.Path) {
				loads.Go(func() { r.look(ctx, event.Path) })
			}
		}
	}
}

// file returns what is known of a path. Callers hold mu.
func (r *Registry) file(path string) *file {
	f := r.files[path]
	if f == nil {
		f = &file{path: path}
		r.files[path] = f
	}
	return f
}

// tidy forgets a file of which there is nothing to know. Callers hold mu.
func (r *Registry) tidy(f *file) {
	if !f.loading && !f.resting && f.serving == nil && f.waiting == nil && f.refused == nil {
		delete(r.files, f.path)
	}
}

// An attempt is what came of reading and compiling a file: a version with one
// reference, nothing new, or an error.
type attempt struct {
	path    string
	file    contents
	version *version
	same    bool // the file's content is what the registry has of it already
	err     error
	// pin is set if version is not the file's own.
	pin *pin
	// over is what must still serve for version to take its place; nil is anything.
	over *version
	// instead is a version to serve because err keeps the file's own from it.
	instead *version
}

// drop gives up what an attempt holds.
func (a attempt) drop() {
	for _, v := range []*version{a.version, a.instead} {
		if v != nil {
			v.release()
		}
	}
}

// attempt does all that needs no lock.
func (r *Registry) attempt(ctx context.Context, path string) attempt {
	return r.attemptAnew(ctx, path, false)
}

// attemptAnew is attempt that, with again, loads a file that is loaded already.
func (r *Registry) attemptAnew(ctx context.Context, path string, again bool) attempt {
	a := attempt{path: path}
	if a.file, a.err = r.engine.read(path); a.err != nil {
		return a
	}
	r.mu.Lock()
	f := r.files[path]
	a.same = f != nil && !again && (f.waiting != nil && f.waiting.info.Hash == a.file.hash ||
		f.serving != nil && f.serving.info.Hash == a.file.hash ||
		f.refused != nil && f.refused.Hash == a.file.hash && f.refused.Kind.lasting())
	r.mu.Unlock()
	if a.same {
		return a
	}
	a.version, a.err = r.load(ctx, a.file, r.accepted.notOlder)
	if a.version != nil && !a.version.info.NoTrial && !r.history.known(path).proven(a.file.hash) {
		a.version.judged = r.judged
		a.version.left.Store(int64(r.cfg.Trial))
	}
	return a
}

// load loads a version, which is open from then on.
func (r *Registry) load(ctx context.Context, c contents, accept func(*Info) error) (*version, error) {
	v, err := r.engine.load(ctx, c, accept, r.versionClosed)
	if err == nil {
		r.mu.Lock()
		r.open[v] = true
		r.mu.Unlock()
	}
	return v, err
}

// keep keeps a file that was loaded.
func (r *Registry) keep(a attempt) {
	if a.version != nil && a.pin == nil && a.file.data != nil {
		r.history.add(a.file)
	}
}

// versionClosed is told by a version whose last call has ended.
func (r *Registry) versionClosed(v *version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, v)
	if v.native != nil && v.served.Load() {
		r.resident[v.info.Hash] = v
	}
	if hash := v.functions.Hash; r.cfg.OnClose != nil && hash != "" {
		shared := false
		for other := range r.open {
			shared = shared || other.functions.Hash == hash
		}
		if !shared {
			r.cfg.OnClose(hash)
		}
	}
	if r.closed && len(r.open) == 0 {
		r.drain.Do(func() { close(r.drained) })
	}
	r.log.Debug("module version closed", logkey.Module, v.info.Name, logkey.Hash, v.info.Hash)
}

// trim closes instances that nobody needed for a while.
func (r *Registry) trim() {
	then := time.Now().Add(-r.cfg.IdleTimeout)
	r.mu.Lock()
	versions := slices.Collect(maps.Keys(r.open))
	r.mu.Unlock()
	for _, v := range versions {
		if v.acquire() {
			v.trim(then)
			v.release()
		}
	}
}

// Acquire pins the version that serves a task now. It waits for nothing. The
// caller releases the lease.
func (r *Registry) Acquire(task string) (*Lease, bool) {
	for {
		s, ok := (*r.table.Load())[task]
		if !ok {
			return nil, false
		}
		if s.other != nil && rand.Float64() >= r.cfg.Canary {
			s.version, s.index = s.other, s.place
		}
		// A version that cannot be had was replaced since the table was read.
		if s.version.acquire() {
			return &Lease{version: s.version, index: s.index}, true
		}
	}
}

// AcquireWarm pins a version that serves now, by the hash of its file, to have
// it describe the DataFrame at place i of its Info.Warm. The caller releases
// the lease.
func (r *Registry) AcquireWarm(hash string, i int) (*Lease, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		v := f.serving
		if v != nil && v.info.Hash == hash && i >= 0 && i < len(v.info.Warm) && v.acquire() {
			return &Lease{version: v, index: len(v.info.Tasks) + i}, true
		}
	}
	return nil, false
}

// Tasks returns the names of the tasks that are served, sorted.
func (r *Registry) Tasks() []string {
	return slices.Sorted(maps.Keys(*r.table.Load()))
}

// info describes the version that serves. Callers hold mu.
func (f *file) info() Info {
	i := f.serving.Info(Serving)
	if i.RolledBack = f.pin != nil; f.standby != nil {
		i.Trial = f.serving.left.Load()
	}
	return i
}

// Modules describes all versions that serve, stand by, finish their last calls or
// are Go plugins,
// and all files that were refused: by path, and for one path in that order of states.
func (r *Registry) Modules() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	var infos []Info
	current := make(map[*version]bool)
	for _, f := range r.files {
		if f.serving != nil {
			infos = append(infos, f.info())
			current[f.serving] = true
		}
		if f.standby != nil {
			infos = append(infos, f.standby.Info(Standby))
			current[f.standby] = true
		}
		if f.waiting != nil {
			current[f.waiting] = true
		}
		if f.refused != nil {
			infos = append(infos, f.refused.clone())
		}
	}
	for v := range r.open {
		// One that never served is about to, or about to be refused.
		if !current[v] && v.served.Load() {
			infos = append(infos, v.Info(Retired))
		}
	}
	for hash, v := range r.resident {
		again := func(i Info) bool { return i.Hash == hash && i.State != Refused }
		if !slices.ContainsFunc(infos, again) {
			infos = append(infos, v.Info(Resident))
		}
	}
	order := map[State]int{Serving: 0, Standby: 1, Refused: 2, Retired: 3, Resident: 4}
	slices.SortFunc(infos, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(order[a.State], order[b.State]), a.LoadedAt.Compare(b.LoadedAt))
	})
	return infos
}

// Close takes all tasks out of service, waits until the calls that run have
// ended, and frees everything. If ctx ends before, it returns an error and
// leaves those calls, and all that they use, alone: interrupting them is up to
// the contexts that they run with. Called again, it waits again. Run must have
// returned.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.table.Store(&map[string]served{})
	var last []*version
	for _, f := range r.files {
		f.yield()
		for _, v := range []*version{f.serving, f.standby, f.waiting} {
			if v != nil {
				last = append(last, v)
			}
		}
	}
	clear(r.files)
	if len(r.open) == 0 {
		r.drain.Do(func() { close(r.drained) })
	}
	r.mu.Unlock()
	for _, v := range last {
		v.release()
	}
	select {
	case <-r.drained:
	case <-ctx.Done():
		r.mu.Lock()
		n := len(r.open)
		r.mu.Unlock()
		return fmt.Errorf("close modules: %d versions still run calls: %w", n, context.Cause(ctx))
	}
	return r.engine.close(ctx)
}
