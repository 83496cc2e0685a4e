package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// DropCheckpoint removes the files of a checkpoint that was released, where the
// engine itself leaves them until its session ends: Sail does. Nobody may read
// the checkpoint any more. For engines that free it themselves, and ones that
// somebody else runs, it does nothing.
func (e *Engine) DropCheckpoint(session, relation string) error {
	if _, ok := e.kind.(*sail); !ok {
		return nil
	}
	e.mu.Lock()
	run := e.run
	e.mu.Unlock()
	if run == nil {
		return nil
	}
	for _, name := range []string{session, relation} {
		if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
			return fmt.Errorf("drop checkpoint %q of session %q: they are no names of folders", relation, session)
		}
	}
	if err := os.RemoveAll(run.Join("checkpoints", session, relation)); err != nil {
		return fmt.Errorf("drop checkpoint: %w", err)
	}
	return nil
}
