package cache

// Stats counts what the cache did since it was made, and what it holds.
type Stats struct {
	Entries   int   `json:"entries"`   // held now
	Bytes     int64 `json:"bytes"`     // of those whose size is known
	Uses      int64 `json:"uses"`      // times that a cached DataFrame was asked for
	Hits      int64 `json:"hits"`      // answered with what was there
	Waits     int64 `json:"waits"`     // answered by a build that someone else had begun
	Builds    int64 `json:"builds"`    // successful ones
	Found     int64 `json:"found"`     // entries that another host, or this one's predecessor, had built
	Failures  int64 `json:"failures"`  // builds that failed
	Evictions int64 `json:"evictions"` // entries that made room for others
	Expired   int64 `json:"expired"`   // entries that had reached their age
	Lost      int64 `json:"lost"`      // entries that the engine no longer had
	Unwanted  int64 `json:"unwanted"`  // entries that no live module asked for any more
	// MaxEntries and MaxBytes are the budget; zero is no limit.
	MaxEntries int   `json:"max_entries"`
	MaxBytes   int64 `json:"max_bytes"`
}

// A Reason is why an entry was forgotten.
type Reason string

// The reasons.
const (
	ReasonRoom     Reason = "room for others"
	ReasonExpired  Reason = "expired"
	ReasonSession  Reason = "session replaced"
	ReasonLost     Reason = "lost by the engine"
	ReasonUnwanted Reason = "no module asks for it any more"
	ReasonAsked    Reason = "asked to"
	ReasonLate     Reason = "no longer wanted when built"
)

// Rebuild reports whether an entry that is to be warm should be built again when
// it was forgotten for that reason.
func (r Reason) Rebuild() bool {
	return r == ReasonExpired || r == ReasonSession || r == ReasonLost
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	for _, p := range c.plans {
		if p.entry != nil {
			s.Entries++
			s.Bytes += p.entry.size.Bytes
		}
	}
	s.MaxEntries, s.MaxBytes = max(0, c.cfg.MaxEntries), max(0, c.cfg.MaxBytes)
	return s
}

// count notes that an entry was forgotten. c.mu is held.
func (s *Stats) count(reason Reason) {
	switch reason {
	case ReasonRoom:
		s.Evictions++
	case ReasonExpired:
		s.Expired++
	case ReasonSession, ReasonLost:
		s.Lost++
	case ReasonUnwanted:
		s.Unwanted++
	case ReasonAsked, ReasonLate:
	}
}
