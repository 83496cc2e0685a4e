package engine

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// connectPort is Spark Connect's port where a connection string names none.
const connectPort = "15002"

var localSpec = regexp.MustCompile(`^local(?:\[(\*|[0-9]+)\])?$`)

// parse returns the engine that the specification asks for, or the connection
// string of one that somebody else runs.
func parse(cfg Config) (kind, string, error) {
	spec := cfg.Spec
	if strings.HasPrefix(spec, "sc://") {
		return nil, spec, checkRemote(spec)
	}
	if spec == "sail" {
		return &sail{cfg: cfg}, "", nil
	}
	m := localSpec.FindStringSubmatch(spec)
	if m == nil {
		return nil, "", fmt.Errorf("engine %q is not known: use sail, local[N], local[*] or sc://host:port", spec)
	}
	s := &spark{cores: 1, cfg: cfg}
	if s.cfg.MemoryMiB == 0 {
		s.cfg.MemoryMiB = 1024
	}
	switch m[1] {
	case "": // Spark's "local" is one thread
	case "*":
		s.cores = runtime.NumCPU()
	default:
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > 1024 {
			return nil, "", fmt.Errorf("engine %q: the number of threads must be from 1 to 1024, or *", spec)
		}
		s.cores = n
	}
	return s, "", nil
}

// checkRemote looks at what a dial needs; the parameters behind it are the
// client's to judge.
func checkRemote(spec string) error {
	u, err := url.Parse(spec)
	if err != nil {
		// url.Error repeats the whole string, which may hold a token.
		return fmt.Errorf("engine sc://…: not a connection string such as sc://host:15002")
	}
	if u.Hostname() == "" {
		return fmt.Errorf("engine %q: no host; a connection string is sc://host:15002", "sc://"+u.Host)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("engine %q: %s is not a port", "sc://"+u.Host, p)
		}
	}
	if u.User != nil {
		return fmt.Errorf("engine %q: a user is given as ;user_id=… behind the address", "sc://"+u.Host)
	}
	return nil
}

// remoteAddress is the host and port of a checked connection string.
func remoteAddress(spec string) string {
	u, err := url.Parse(spec)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = connectPort
	}
	return net.JoinHostPort(u.Hostname(), port)
}
