package sdk

import (
	"encoding/json"
	"fmt"
)

// Env returns the value of an environment variable of the host, or "" if there
// is none. The module asks for the right with Needs("env:NAME"), and the worker's
// setting modules grants it; else the error is of type PermissionError. A task
// has no environment beside this: os.Getenv finds nothing.
func (c *Context) Env(name string) (string, error) {
	value, _, err := c.LookupEnv(name)
	return value, err
}

// LookupEnv is [Context.Env] that tells a variable that is empty from none.
func (c *Context) LookupEnv(name string) (value string, ok bool, err error) {
	text, err := c.host.TaskEnv(name)
	if err != nil {
		return "", false, err
	}
	var found *string
	if err := json.Unmarshal(text, &found); err != nil {
		return "", false, fmt.Errorf("decode the variable %s: %w", name, err)
	}
	if found == nil {
		return "", false, nil
	}
	return *found, true, nil
}
