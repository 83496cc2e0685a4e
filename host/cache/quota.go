package cache

import (
	"slices"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// holdQuotas drops what modules hold above their quotas: what is too large by
// itself, and then what was used longest ago, passing over what is in use. A module holds what it has asked for,
// as far as sizes are known; what others ask for as well stays theirs. c.mu is
// held.
func (c *Cache) holdQuotas() {
	for module, most := range c.quotas {
		for {
			bytes, oldest, large := int64(0), (*plan)(nil), false
			for _, p := range c.plans {
				if p.entry == nil || p.entry.size.Bytes == 0 || !p.asked(module) {
					continue
				}
				bytes += p.entry.size.Bytes
				tooLarge := p.entry.size.Bytes > most
				if p.entry.pins == 0 && (oldest == nil || tooLarge && !large || tooLarge == large && p.lastUsed.Before(oldest.lastUsed)) {
					oldest, large = p, tooLarge
				}
			}
			if bytes <= most || oldest == nil {
				break
			}
			if large {
				c.cfg.Log.Warn("cached DataFrame is larger than all that its module may hold (setting modules, cache_bytes), and is dropped after each use",
					logkey.Module, module, logkey.Cache, oldest.name, logkey.Hash, oldest.hash, logkey.Bytes, oldest.entry.size.Bytes)
			}
			oldest.owners = slices.DeleteFunc(oldest.owners, func(o Owner) bool { return o.Module == module })
			if len(oldest.owners) > 0 {
				continue
			}
			c.forget(oldest.entry, ReasonRoom)
			if oldest.flight == nil {
				delete(c.plans, oldest.hash)
			}
		}
	}
}

// asked reports whether a module has asked for the plan.
func (p *plan) asked(module string) bool {
	return slices.ContainsFunc(p.owners, func(o Owner) bool { return o.Module == module })
}

// setQuota notes what an asker's module may hold. c.mu is held.
func (c *Cache) setQuota(asker Asker) {
	switch {
	case asker.Module == "":
	case asker.Quota > 0:
		c.quotas[asker.Module] = asker.Quota
	default:
		delete(c.quotas, asker.Module)
	}
}
