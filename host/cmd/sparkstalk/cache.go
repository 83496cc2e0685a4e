package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/cache"
)

func cacheCommand(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look after the cached DataFrames of a host that runs on this machine",
		Long: `cache asks a host that runs on this machine, as this user, what it has cached.
With several of them, --hostname picks one.`,
	}
	all := false
	evict := &cobra.Command{
		Use:   "evict NAME|HASH… | --all",
		Short: "Drop cached DataFrames; tasks that use them go on with them",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return fmt.Errorf("name what to evict, or give --all for everything")
			}
			return s.evict(cmd, ids)
		},
	}
	evict.Flags().BoolVar(&all, "all", false, "everything")
	cmd.AddCommand(&cobra.Command{
		Use: "ls", Short: "List what is cached, that used last first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.report(cmd, "/cache", listEntries) },
	}, &cobra.Command{
		Use: "show NAME|HASH", Short: "All that is known of a cached DataFrame", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return s.report(cmd, "/cache/"+url.PathEscape(ids[0]), showEntries)
		},
	}, evict, &cobra.Command{
		Use: "warm [NAME]", Short: "Build now what modules want to be warm, all or one cache's", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error { return s.warm(cmd, strings.Join(names, "")) },
	})
	return cmd
}

// askHost calls the host that the settings mean.
func (s *settings) askHost(ctx context.Context, method, path string, out any) error {
	s.quiet = true
	cfg, err := s.config()
	if err != nil {
		return err
	}
	h, err := host.FindHost(cfg)
	if err != nil {
		return err
	}
	return h.Call(ctx, method, path, nil, out)
}

// report prints what the host says of its cache.
func (s *settings) report(cmd *cobra.Command, path string, print func(io.Writer, host.CacheReport) error) error {
	var report host.CacheReport
	if err := s.askHost(cmd.Context(), "GET", path, &report); err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	}
	return print(cmd.OutOrStdout(), report)
}

func listEntries(out io.Writer, r host.CacheReport) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Entries) > 0 {
		_, _ = fmt.Fprintln(w, "NAME\tHASH\tROWS\tSIZE\tHITS\tAGE\tUSED BY\tSTORAGE\tOWNER\tBUILDER\tSESSION")
	}
	for _, e := range r.Entries {
		_, _ = fmt.Fprintf(w, "%s\t%.12s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\t%d\n",
			e.Name, e.Hash, rows(e), size(e), e.Hits, age(e), e.Leases, or(e.Storage, "building"), owners(e), or(e.Builder, "-"), e.Generation)
	}
	_, _ = fmt.Fprintln(w, r)
	return w.Flush() // tells what went wrong in the lines, too
}

func showEntries(out io.Writer, r host.CacheReport) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, e := range r.Entries {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		line := func(name string, format string, args ...any) {
			_, _ = fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
		}
		line("name", "%s", e.Name)
		line("hash", "%s", e.Hash)
		line("plan", "%s", e.Plan)
		if e.Building {
			line("building", "now")
		}
		line("rows", "%s", rows(e))
		line("size", "%s", size(e))
		line("size from", "%s", or(e.BytesFrom, "-"))
		line("storage", "%s", or(e.Storage, "-"))
		switch {
		case e.Foreign:
			line("shared", "somebody else persisted it and may drop it")
		case e.Found:
			line("shared", "another host, or this one before its last start, built it")
		case e.Shared:
			line("shared", "other hosts of the same Spark find it")
		}
		line("built", "%s ago, in %v, by %s %s", age(e), e.BuildTime.Round(time.Millisecond), or(e.Builder, "-"), e.BuilderID)
		line("expires", "%s", expires(e))
		line("session", "%d (the host's is %d), relation %s", e.Generation, r.Generation, or(e.RelationID, "-"))
		line("owner", "%s", owners(e))
		line("warm", "%t", e.Warm)
		line("in use", "%d times", e.Leases)
		line("last used", "%s", e.LastUsed.Format(time.DateTime))
		line("uses", "%d: %d hits, %d waited for a build", e.Uses, e.Hits, e.Waits)
		line("builds", "%d, %d failed", e.Builds, e.Failures)
	}
	return w.Flush()
}

func (s *settings) evict(cmd *cobra.Command, ids []string) error {
	paths := []string{"/cache"} // all
	if len(ids) > 0 {
		paths = nil
	}
	for _, id := range ids {
		paths = append(paths, "/cache/"+url.PathEscape(id))
	}
	total := 0
	for _, path := range paths {
		var n int
		if err := s.askHost(cmd.Context(), "DELETE", path, &n); err != nil {
			return err
		}
		total += n
	}
	if s.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]int{"evicted": total})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d evicted\n", total)
	return err
}

func (s *settings) warm(cmd *cobra.Command, name string) error {
	path := "/cache/warm"
	if name != "" {
		path += "?cache=" + url.QueryEscape(name)
	}
	var results []host.WarmResult
	if err := s.askHost(cmd.Context(), "POST", path, &results); err != nil {
		return err
	}
	var err error
	if s.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(results)
	}
	for _, r := range results {
		if !s.json {
			said := r.Error
			if said == "" {
				said = fmt.Sprintf("is warm after %v", r.Took.Round(time.Millisecond))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (module %s) %s\n", r.Cache, r.Key, r.Module, said)
		}
	}
	if len(results) == 0 && !s.json {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "no module wants anything to be warm")
	}
	if err == nil && slices.ContainsFunc(results, func(r host.WarmResult) bool { return r.Error != "" }) {
		err = exitCode(1)
	}
	return err
}

func rows(e cache.Entry) string {
	if !e.Measured {
		return "-"
	}
	return fmt.Sprint(e.Rows)
}

func size(e cache.Entry) string {
	if !e.Measured {
		return "-"
	}
	return host.Size(e.Bytes)
}

func age(e cache.Entry) string {
	if e.BuiltAt.IsZero() {
		return "-"
	}
	return time.Since(e.BuiltAt).Round(time.Second).String()
}

func expires(e cache.Entry) string {
	if e.Expires.IsZero() {
		return "never"
	}
	return "in " + time.Until(e.Expires).Round(time.Second).String()
}

func owners(e cache.Entry) string {
	var names []string
	for _, o := range e.Owners {
		names = append(names, fmt.Sprintf("%s@%.8s", o.Module, o.Version))
	}
	text := or(strings.Join(names, ","), "-")
	if !e.Orphaned.IsZero() {
		text += " (gone)"
	}
	return text
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
