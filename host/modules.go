package host

import (
	"errors"
	"net/http"
	"path/filepath"

	"github.com/sparkstalk/sparkstalk/host/admin"
	"github.com/sparkstalk/sparkstalk/host/module"
)

// ModulesReport is what a running host serves, as commands and programs see it.
type ModulesReport struct {
	Hostname string        `json:"hostname"`
	Plugins  string        `json:"plugins"` // the watched folder
	Modules  []module.Info `json:"modules"`
	// Versions are those that are kept of each module, by the name of its file, the
	// one loaded last first.
	Versions map[string][]module.Kept `json:"versions,omitempty"`
}

// ModulesReport describes the modules now.
func (r *Runtime) ModulesReport() (ModulesReport, error) {
	report := ModulesReport{
		Hostname: r.cfg.Hostname, Plugins: r.cfg.Plugins, Modules: r.modules.Modules(),
		Versions: make(map[string][]module.Kept),
	}
	for _, m := range report.Modules {
		file := filepath.Base(m.Path)
		if _, ok := report.Versions[file]; ok {
			continue
		}
		kept, err := r.modules.Versions(file)
		switch {
		case errors.Is(err, module.ErrUnknown): // gone meanwhile
		case err != nil:
			return report, err
		default:
			report.Versions[file] = kept
		}
	}
	return report, nil
}

// listenModules answers `sparkstalk modules`.
func (h *Host) listenModules(server *admin.Server) {
	modules := h.runtime.modules
	server.Handle("GET /modules", func(*http.Request) (any, error) { return h.runtime.ModulesReport() })
	server.Handle("POST /modules/{name}/rollback", func(r *http.Request) (any, error) {
		info, err := modules.Rollback(r.Context(), r.PathValue("name"), r.FormValue("version"))
		return info, refusal(err)
	})
	reload := func(r *http.Request) (any, error) {
		infos, err := modules.Reload(r.Context(), r.PathValue("name"))
		return infos, refusal(err)
	}
	server.Handle("POST /modules/reload", reload)
	server.Handle("POST /modules/{name}/reload", reload)
}

// refusal is what a command is told that asked for what cannot be done.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, module.ErrUnknown):
		return admin.NotFound("%v", err)
	}
	return admin.BadRequest("%v", err)
}
