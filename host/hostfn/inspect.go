package hostfn

import (
	"context"
	"encoding/json"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// answer runs an action on a frame of the guest's and returns what it gives, or
// its zero value and an error fit for the guest.
func answer[T any](i *Invocation, fn string, frame abi.Frame, run func(context.Context, *spark.DataFrame) (T, error)) (T, error) {
	var out T
	err := i.act(fn, frame, func(ctx context.Context, df *spark.DataFrame) (err error) {
		out, err = run(ctx, df)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// asJSON is an answer that crosses as JSON.
func asJSON(i *Invocation, value any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return data, nil
}

// ActionShow implements [abi.Host].
func (i *Invocation) ActionShow(frame abi.Frame, n, truncate int32, vertical bool) (string, error) {
	return answer(i, "ActionShow", frame, func(ctx context.Context, df *spark.DataFrame) (string, error) {
		return i.cfg.Session.Show(ctx, df, n, truncate, vertical, i.opt)
	})
}

// ActionHTML implements [abi.Host].
func (i *Invocation) ActionHTML(frame abi.Frame, n, truncate int32) (string, error) {
	return answer(i, "ActionHTML", frame, func(ctx context.Context, df *spark.DataFrame) (string, error) {
		return i.cfg.Session.HTML(ctx, df, n, truncate, i.opt)
	})
}

// ActionTree implements [abi.Host].
func (i *Invocation) ActionTree(frame abi.Frame, level int32) (string, error) {
	return answer(i, "ActionTree", frame, func(ctx context.Context, df *spark.DataFrame) (string, error) {
		return i.cfg.Session.Tree(ctx, df, level)
	})
}

// ActionInputFiles implements [abi.Host].
func (i *Invocation) ActionInputFiles(frame abi.Frame) ([]byte, error) {
	files, err := answer(i, "ActionInputFiles", frame, i.cfg.Session.InputFiles)
	if files == nil {
		files = []string{}
	}
	return asJSON(i, files, err)
}

// ActionIsLocal implements [abi.Host].
func (i *Invocation) ActionIsLocal(frame abi.Frame) (bool, error) {
	return answer(i, "ActionIsLocal", frame, i.cfg.Session.IsLocal)
}

// ActionIsStreaming implements [abi.Host].
func (i *Invocation) ActionIsStreaming(frame abi.Frame) (bool, error) {
	return answer(i, "ActionIsStreaming", frame, i.cfg.Session.IsStreaming)
}

// ActionSameSemantics implements [abi.Host].
func (i *Invocation) ActionSameSemantics(frame, other abi.Frame) (bool, error) {
	second, err := i.lookup("ActionSameSemantics", other)
	if err != nil {
		return false, i.failed(i.ctx, err)
	}
	return answer(i, "ActionSameSemantics", frame, func(ctx context.Context, first *spark.DataFrame) (same bool, err error) {
		err = i.cfg.Cache.Do(ctx, second, i.opt, func(ctx context.Context, second *spark.DataFrame) (err error) {
			same, err = i.cfg.Session.SameSemantics(ctx, first, second)
			return err
		})
		return same, err
	})
}

// ActionSemanticHash implements [abi.Host].
func (i *Invocation) ActionSemanticHash(frame abi.Frame) (int64, error) {
	hash, err := answer(i, "ActionSemanticHash", frame, i.cfg.Session.SemanticHash)
	return int64(uint32(hash)), err
}

// ActionStorageLevel implements [abi.Host].
func (i *Invocation) ActionStorageLevel(frame abi.Frame) ([]byte, error) {
	level, err := answer(i, "ActionStorageLevel", frame, i.cfg.Session.StorageLevel)
	return asJSON(i, abi.StorageLevel{
		UseDisk: level.UseDisk, UseMemory: level.UseMemory, UseOffHeap: level.UseOffHeap,
		Deserialized: level.Deserialized, Replication: int(level.Replication),
	}, err)
}
