package sdktest

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// valueOf returns the Value of the answer to an action.
func valueOf[T any](c *call, action string, frame abi.Frame) (T, error) {
	var zero T
	a, err := c.find(action, frame)
	if err != nil {
		return zero, err
	}
	v, ok := a.value.(T)
	if !ok {
		c.host.tb.Fatalf("sdktest: the task asks for the %s, and the answer for %q has the Value %v, which is no %T", action, a.match, a.value, zero)
		return zero, abi.Errorf("RuntimeError", "sdktest: no answer for the %s", action)
	}
	return v, nil
}

func (c *call) ActionShow(frame abi.Frame, _, _ int32, _ bool) (string, error) {
	return valueOf[string](c, "table", frame)
}

func (c *call) ActionHTML(frame abi.Frame, _, _ int32) (string, error) {
	return valueOf[string](c, "HTML", frame)
}

func (c *call) ActionTree(frame abi.Frame, _ int32) (string, error) {
	return valueOf[string](c, "schema tree", frame)
}

func (c *call) ActionInputFiles(frame abi.Frame) ([]byte, error) {
	files, err := valueOf[[]string](c, "input files", frame)
	if err != nil {
		return nil, err
	}
	return pyjson.Marshal(files)
}

func (c *call) ActionIsLocal(frame abi.Frame) (bool, error) {
	return valueOf[bool](c, "isLocal", frame)
}

func (c *call) ActionIsStreaming(frame abi.Frame) (bool, error) {
	return valueOf[bool](c, "isStreaming", frame)
}

func (c *call) ActionSameSemantics(frame, other abi.Frame) (bool, error) {
	if err := c.Err(other); err != nil {
		return false, err
	}
	return valueOf[bool](c, "sameSemantics", frame)
}

func (c *call) ActionSemanticHash(frame abi.Frame) (int64, error) {
	hash, err := valueOf[int32](c, "semanticHash", frame)
	return int64(uint32(hash)), err
}

func (c *call) ActionStorageLevel(frame abi.Frame) ([]byte, error) {
	level, err := valueOf[abi.StorageLevel](c, "storage level", frame)
	if err != nil {
		return nil, err
	}
	return pyjson.Marshal(level)
}
