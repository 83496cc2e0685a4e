package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// Hosts returns the hosts of this user that have their folders in parent, by name.
func Hosts(parent string) ([]Host, error) {
	var hosts []Host
	for _, dir := range rundir.List(parent) {
		if !strings.HasPrefix(filepath.Base(dir), prefix+"-") {
			continue
		}
		note, err := os.ReadFile(filepath.Join(dir, noteName))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it starts, or has just gone
		}
		if err != nil {
			return nil, fmt.Errorf("look for hosts: %w", err)
		}
		h := Host{dir: dir}
		if err := json.Unmarshal(note, &h); err != nil {
			return nil, fmt.Errorf("look for hosts: %s: %w", dir, err)
		}
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Hostname, b.Hostname), a.Since.Compare(b.Since))
	})
	return hosts, nil
}

// ErrNoHost is wrapped by the error of [Find] when none runs.
var ErrNoHost = errors.New("no host of this user runs on this machine")

// Find returns the host of that name, or the only one if the name is empty. Its
// error lists those that run.
func Find(parent, hostname string) (Host, error) {
	hosts, err := Hosts(parent)
	if err != nil {
		return Host{}, err
	}
	if len(hosts) == 0 {
		return Host{}, fmt.Errorf("%w (in %s): start one with `sparkstalk worker`", ErrNoHost, parent)
	}
	names := make([]string, 0, len(hosts))
	var found []Host
	for _, h := range hosts {
		names = append(names, fmt.Sprintf("%s (pid %d)", h.Hostname, h.PID))
		if hostname == "" || h.Hostname == hostname {
			found = append(found, h)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return Host{}, fmt.Errorf("no host %s runs on this machine; there are %s", hostname, strings.Join(names, ", "))
	}
	return Host{}, fmt.Errorf("%d hosts run on this machine, --hostname picks one: %s", len(found), strings.Join(names, ", "))
}

// Call asks the host and decodes its answer into out, unless that is nil. in is
// the request's body as JSON, or nil. What the host refuses is an [*Error].
func (h Host) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask host %s: %w", h.Hostname, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://host"+path, body)
	if err != nil {
		return fmt.Errorf("ask host %s: %w", h.Hostname, err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		address, done, err := socket(h.dir)
		if err != nil {
			return nil, err
		}
		defer done()
		return new(net.Dialer).DialContext(ctx, "unix", address)
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ask host %s: %w", h.Hostname, err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask host %s: %w", h.Hostname, err)
	}
	if response.StatusCode != http.StatusOK {
		refusal := &Error{Status: response.StatusCode}
		if json.Unmarshal(data, refusal) != nil || refusal.Message == "" {
			refusal.Message = fmt.Sprintf("host %s answered %s", h.Hostname, response.Status)
		}
		return refusal
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("answer of host %s: %w", h.Hostname, err)
	}
	return nil
}
