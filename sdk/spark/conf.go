package spark

import (
	"encoding/json"
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A RuntimeConf has the settings of the Spark session, which all tasks of a
// worker share. So a task may change only those that task_conf in the worker's
// configuration names, and changes them for all; a change made for others by
// nobody's wish is a Python PermissionError.
type RuntimeConf struct{ session *Session }

// Conf returns the session's settings.
func (s *Session) Conf() *RuntimeConf { return &RuntimeConf{s} }

// Get returns a setting. One that is not there, and has no default in Spark, is
// an error. What the name says is secret is replaced by asterisks.
func (c *RuntimeConf) Get(key string) (string, error) {
	var value string
	err := c.call(abi.ConfCall{Call: "get", Key: key}, &value)
	return value, err
}

// GetOr returns a setting, or otherwise if it is not there.
func (c *RuntimeConf) GetOr(key, otherwise string) (string, error) {
	var value string
	err := c.call(abi.ConfCall{Call: "get", Key: key, Default: &otherwise}, &value)
	return value, err
}

// GetAll returns the settings that were set. Sail returns few.
func (c *RuntimeConf) GetAll() (map[string]string, error) {
	var all map[string]string
	err := c.call(abi.ConfCall{Call: "getAll"}, &all)
	return all, err
}

// IsModifiable reports whether the engine lets the setting be changed while it
// runs.
func (c *RuntimeConf) IsModifiable(key string) (bool, error) {
	var is bool
	err := c.call(abi.ConfCall{Call: "isModifiable", Key: key}, &is)
	return is, err
}

// Set changes a setting, for all tasks of the worker, as long as that runs: also
// in the sessions that follow when Spark's is lost. SET in SQL text ends with the
// session.
func (c *RuntimeConf) Set(key string, value any) error {
	return c.call(abi.ConfCall{Call: "set", Key: key, Value: fmt.Sprint(value)}, nil)
}

// Unset gives a setting its default again, for all tasks of the worker, as
// [RuntimeConf.Set] changes it.
func (c *RuntimeConf) Unset(key string) error {
	return c.call(abi.ConfCall{Call: "unset", Key: key}, nil)
}

func (c *RuntimeConf) call(call abi.ConfCall, into any) error {
	if err := c.session.check(); err != nil {
		return err
	}
	return askJSON(c.session.host.ActionConf, call, into)
}

// askJSON calls the host with JSON and reads its answer, if into is not nil.
func askJSON(ask func([]byte) ([]byte, error), call, into any) error {
	data, err := json.Marshal(call)
	if err != nil {
		return err
	}
	answer, err := ask(data)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the host's answer: %w", err)
	}
	return nil
}
