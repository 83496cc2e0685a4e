// Package policy decides what a module may do beyond computing: read and write
// data, run SQL text and raw plans, send tasks, see environment variables and
// settings, and fetch over HTTP.
//
// A module asks in its manifest ([ParseAsks]), the host's settings grant
// ([Rules]), and the smaller of both holds ([Rights]). All is denied that no
// rule grants.
package policy

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Right is a kind of thing that modules may be let do. Its value is its name
// in sparkstalk.yaml and in manifests.
type Right string

// The rights. Those that are about something are granted with patterns of it.
const (
	// Read and Write are about paths, by URL or name: see [NormalPath].
	Read  Right = "read"
	Write Right = "write"
	// ReadTable and WriteTable are about names of tables and views in the catalog.
	ReadTable  Right = "read_table"
	WriteTable Right = "write_table"
	// SQL is to run SQL text, which reaches all that the engine can: a query is
	// not looked into.
	SQL Right = "sql"
	// RawPlans is to hand over serialized plans, and to call functions that run
	// any code on the engine, which likewise reach everything.
	RawPlans Right = "raw_plans"
	// Send is to send tasks, by their names.
	Send Right = "send"
	// Env is to see environment variables of the host.
	Env Right = "env"
	// HTTP is to fetch from hosts, name or name:port, through the host: see
	// [Rights.CheckURL] and [Rights.CheckAddress].
	HTTP Right = "http"
	// Conf is to see settings of the Spark session.
	Conf Right = "conf"
)

// rights are all of them; those that are true are about nothing in particular.
var rights = map[Right]bool{
	Read: false, Write: false, ReadTable: false, WriteTable: false, SQL: true, RawPlans: true, Send: false, Env: false, HTTP: false, Conf: false,
}

// inData reports whether a module has a right as far as it is granted if its
// manifest asks for none of these. The others must be asked for.
func inData(right Right) bool { return slices.Contains(abi.DataCapabilities, string(right)) }

// A Rule grants rights to the modules whose names fit its pattern. Its json
// tags are the names in sparkstalk.yaml.
type Rule struct {
	// Read, Write, ReadTable, WriteTable, Send, Env, HTTP and Conf are patterns
	// of what is granted: * stands for any characters but a slash, ** for any,
	// ? for one.
	Read       []string `json:"read,omitempty"`
	Write      []string `json:"write,omitempty"`
	ReadTable  []string `json:"read_table,omitempty"`
	WriteTable []string `json:"write_table,omitempty"`
	Send       []string `json:"send,omitempty"`
	Env        []string `json:"env,omitempty"`
	HTTP       []string `json:"http,omitempty"`
	Conf       []string `json:"conf,omitempty"`
	SQL        bool     `json:"sql,omitempty"`
	RawPlans   bool     `json:"raw_plans,omitempty"`
	// SignedBy are names of keys: what the rule grants holds only for modules that
	// one of them signed. Its limits and isolation hold for all that fit its name.
	SignedBy []string `json:"signed_by,omitempty"`
	// Isolation is "process" for modules that run in processes of their own.
	Isolation string `json:"isolation,omitempty"`
	// Limits are the modules' own.
	Limits
}

func (r Rule) patterns(right Right) []string {
	switch right {
	case Read:
		return r.Read
	case Write:
		return r.Write
	case ReadTable:
		return r.ReadTable
	case WriteTable:
		return r.WriteTable
	case Send:
		return r.Send
	case Env:
		return r.Env
	case HTTP:
		return r.HTTP
	case Conf:
		return r.Conf
	case SQL:
		return flag(r.SQL)
	case RawPlans:
		return flag(r.RawPlans)
	}
	return nil
}

func flag(granted bool) []string {
	if granted {
		return []string{everything}
	}
	return nil
}

// everything is the pattern that all fits.
const everything = "**"

// Rules are the host's policy: rules by the modules' names, or patterns of them.
// What several rules grant adds up; of their limits, those of the longest pattern
// hold. Nil grants all but raw plans, environment and HTTP, for programs that
// embed a host with modules of their own; an empty map grants nothing.
type Rules map[string]Rule

// AllowAll returns the rules with one more, which grants all modules what they ask for.
func (r Rules) AllowAll() Rules {
	all := []string{everything}
	out := maps.Clone(r)
	if out == nil {
		out = Rules{}
	}
	out["**"] = Rule{
		Read: all, Write: all, ReadTable: all, WriteTable: all, Send: all, Env: all, Conf: all, SQL: true, RawPlans: true,
		HTTP: []string{everything, "0.0.0.0/0", "::/0"}, // private networks are named
	}
	return out
}

// Check reports all that is wrong with the rules.
func (r Rules) Check() error {
	var bad []error
	for name, rule := range r {
		if _, err := path.Match(name, ""); err != nil {
			bad = append(bad, fmt.Errorf("modules: %q is no pattern: %w", name, err))
		}
		for right := range rights {
			for _, p := range rule.patterns(right) {
				if p == "" {
					bad = append(bad, fmt.Errorf("modules: %s: %s has an empty pattern", name, right))
				}
			}
		}
		for _, p := range rule.HTTP {
			if err := checkHTTPPattern(p); err != nil {
				bad = append(bad, fmt.Errorf("modules: %s: %w", name, err))
			}
		}
		if slices.Contains(rule.SignedBy, "") {
			bad = append(bad, fmt.Errorf("modules: %s: signed_by has an empty name of a key", name))
		}
		if len(rule.SignedBy) > 0 && rule.Isolation == InHost {
			bad = append(bad, fmt.Errorf("modules: %s: isolation: %s would hold for all files of that name, and signed_by is about grants only: give it in a rule without signed_by", name, InHost))
		}
		if rule.Isolation != "" && rule.Isolation != InHost && rule.Isolation != InProcess {
			bad = append(bad, fmt.Errorf("modules: %s: isolation is %q; it can be %s or %s", name, rule.Isolation, InHost, InProcess))
		}
		if err := rule.Limits.Check(); err != nil {
			bad = append(bad, fmt.Errorf("modules: %s: %w", name, err))
		}
	}
	return errors.Join(bad...)
}

// fitting returns the patterns of modules' names that fit one, the longest last.
func (r Rules) fitting(module string) []string {
	var names []string
	for name := range r {
		if ok, err := path.Match(name, module); ok && err == nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := len(a) - len(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}

// Where modules run.
const (
	InHost    = "host"
	InProcess = "process"
)

// Isolated reports whether a module runs in processes of its own. The longest
// pattern that says so decides.
func (r Rules) Isolated(module string) bool {
	is := ""
	for _, name := range r.fitting(module) {
		if r[name].Isolation != "" {
			is = r[name].Isolation
		}
	}
	return is == InProcess
}

// For returns the rights of a module that asks for what its manifest says, and
// that nobody signed.
func (r Rules) For(module string, asks Asks) *Rights { return r.ForSigned(module, asks, "") }

// ForSigned is For of a module that the key of a name signed.
func (r Rules) ForSigned(module string, asks Asks, key string) *Rights {
	rights := &Rights{module: module, asks: asks, open: r == nil}
	for _, name := range r.fitting(module) {
		if rule := r[name]; len(rule.SignedBy) == 0 || slices.Contains(rule.SignedBy, key) {
			rights.rules = append(rights.rules, rule)
		} else {
			rights.others = append(rights.others, rule)
		}
	}
	return rights
}
