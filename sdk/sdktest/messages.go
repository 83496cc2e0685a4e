package sdktest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A Message is what a task asked to have sent. Nothing is.
type Message struct {
	// Kind is retry, send, replace or add_to_chord.
	Kind string
	// Body is the signature, or the options of a retry, as JSON.
	Body json.RawMessage
	// ID is the id that the task was given for a signature that it sent.
	ID string
}

// Messages returns what tasks asked to have sent.
func (h *Host) Messages() []Message { return slices.Clone(h.messages) }

// SetSoftTimeLimitExceeded has tasks find their soft time limit over.
func (h *Host) SetSoftTimeLimitExceeded(over bool) { h.overtime = over }

func (h *Host) send(kind string, body []byte) (string, error) {
	if err := pyjson.Valid(body); err != nil {
		return "", abi.Errorf("ValueError", "%s: %v", kind, err)
	}
	m := Message{Kind: kind, Body: slices.Clone(body)}
	if kind == "send" || kind == "add_to_chord" {
		m.ID = fmt.Sprintf("sent-%d", len(h.messages)+1)
	}
	h.messages = append(h.messages, m)
	return m.ID, nil
}

// TaskRetry fails as the worker does when the request's retries are used up.
func (c *call) TaskRetry(options []byte) error {
	var r abi.Retry
	if len(options) > 0 {
		if err := json.Unmarshal(options, &r); err != nil {
			return abi.Errorf("ValueError", "the options of a retry: %v", err)
		}
	}
	limit := 3
	if c.spec.MaxRetries != nil {
		limit = *c.spec.MaxRetries
	}
	if r.MaxRetries != nil {
		limit = *r.MaxRetries
	}
	if limit >= 0 && c.request.Retries+1 > limit {
		if r.Exception != nil {
			return r.Exception
		}
		return abi.Errorf("celery.exceptions.MaxRetriesExceededError", "Can't retry %s[%s]", c.request.Task, c.request.ID)
	}
	_, err := c.host.send("retry", options)
	return err
}

func (c *call) TaskSend(signature []byte) (string, error) { return c.host.send("send", signature) }

func (c *call) TaskReplace(signature []byte) error {
	_, err := c.host.send("replace", signature)
	return err
}

func (c *call) TaskAddToChord(signature []byte) (string, error) {
	if !c.request.InChord {
		return "", abi.Errorf("ValueError", "Current task is not member of any chord")
	}
	return c.host.send("add_to_chord", signature)
}

func (c *call) TaskCheck() error {
	if c.host.overtime {
		return &abi.Error{Type: "SoftTimeLimitExceeded", Module: "billiard.exceptions"}
	}
	return nil
}
