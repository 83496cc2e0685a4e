package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// signing are the flags of what signs a module.
type signing struct {
	key     string
	version uint64
	noTrial bool
}

func (o *signing) flags(cmd *cobra.Command, name, usage string) {
	cmd.Flags().StringVar(&o.key, name, "", usage)
	cmd.Flags().Uint64Var(&o.version, "version", 0, "`number` that orders what the key signed, default the time in Unix seconds")
	cmd.Flags().BoolVar(&o.noTrial, "no-trial", false, "of a signed module: the version before does not serve again if this one traps in its first calls, as for a fix of its security")
}

// options are those of the seal; without a key it is not signed.
func (o *signing) options() (seal.Options, error) {
	options := seal.Options{Version: o.version, NoTrial: o.noTrial}
	if o.key == "" {
		if o.version != 0 || o.noTrial {
			return options, errors.New("--version and --no-trial are for signed modules")
		}
		return options, nil
	}
	var err error
	options.Key, err = seal.ReadPrivateKey(o.key)
	return options, err
}

func sealCommand(s *settings) *cobra.Command {
	return rewriteCommand(s, &cobra.Command{
		Use:   "seal FILE",
		Short: "Seal a module that was made by other tools, so that hosts see when it is whole",
		Long: `seal checks that this host would serve a module and adds its length, its hash and
its manifest as a custom section. build does so by itself. A signature that the
file had is removed.`,
	}, func() (seal.Options, error) { return seal.Options{}, nil })
}

func signCommand(s *settings) *cobra.Command {
	var o signing
	cmd := rewriteCommand(s, &cobra.Command{
		Use:     "sign FILE --key NAME.key",
		Short:   "Seal a module and sign it",
		Example: "  sparkstalk keygen reports\n  sparkstalk sign plugins/reports.wasm --key reports.key",
	}, o.options)
	o.flags(cmd, "key", "private key `file`, of `sparkstalk keygen` or openssl")
	_ = cmd.MarkFlagRequired("key") // fails only for a flag that there is not
	return cmd
}

// rewriteCommand completes a command that writes a module with a new seal.
func rewriteCommand(s *settings, cmd *cobra.Command, options func() (seal.Options, error)) *cobra.Command {
	var out string
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := s.config()
		if err != nil {
			return err
		}
		o, err := options()
		if err != nil {
			return err
		}
		if out == "" {
			out = args[0]
		}
		info, err := place(cmd.Context(), cfg, args[0], out, o)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if s.json {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
		}
		return printModules(cmd, []module.Info{info})
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` to write, default the same")
	return cmd
}

// place puts a module with a new seal in its place, in one step.
func place(ctx context.Context, cfg host.Config, path, out string, o seal.Options) (module.Info, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return module.Info{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return module.Info{}, err
	}
	// The hidden name keeps a watching host from looking at it before it is
	// checked.
	temp := filepath.Join(filepath.Dir(out), fmt.Sprintf(".%s.%d", filepath.Base(out), os.Getpid()))
	defer os.Remove(temp) // renamed away when all went well
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return module.Info{}, err
	}
	info, err := sealFile(ctx, cfg, temp, o)
	if err != nil {
		return module.Info{}, err
	}
	if err := os.Rename(temp, out); err != nil {
		return module.Info{}, err
	}
	info.Path, info.Name = out, strings.TrimSuffix(filepath.Base(out), ".wasm")
	return info, nil
}

// sealFile gives a module a new seal, once it is known that a host would serve
// it.
func sealFile(ctx context.Context, cfg host.Config, path string, o seal.Options) (module.Info, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return module.Info{}, err
	}
	write := func(o seal.Options) (module.Info, error) {
		sealed, err := seal.Write(data, o)
		if err != nil {
			return module.Info{}, err
		}
		if err := os.WriteFile(path, sealed, 0o644); err != nil {
			return module.Info{}, err
		}
		info, err := host.Inspect(ctx, cfg, path)
		if refused, ok := errors.AsType[*module.RefusedError](err); ok {
			err = refused.Err // the path is a hidden one
		}
		return info, err
	}
	// What the module says of itself is known once it is loaded; the second look
	// finds it compiled, and is at what hosts will get.
	required := cfg.RequireSigned
	cfg.RequireSigned = false
	info, err := write(seal.Options{})
	if err != nil {
		return module.Info{}, err
	}
	cfg.RequireSigned = required
	o.Manifest = info.Manifest
	took := info.CompileTime
	info, err = write(o)
	info.CompileTime = took
	return info, err
}

func keygenCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "keygen NAME",
		Short: "Make a key pair that signs modules: NAME.key, to be kept secret, and NAME.pub",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			private, public, err := seal.NewKey()
			if err != nil {
				return err
			}
			name := args[0]
			for _, file := range []struct {
				path    string
				content []byte
				mode    fs.FileMode
			}{{name + ".key", private, 0o600}, {name + ".pub", []byte(public + "\n"), 0o644}} {
				// Never over one that is there: it may have signed what runs.
				f, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.mode)
				if err != nil {
					return fmt.Errorf("make a key: %w", err)
				}
				_, err = f.Write(file.content)
				if err := errors.Join(err, f.Close()); err != nil {
					return fmt.Errorf("make a key: %w", err)
				}
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"private": name + ".key", "public": name + ".pub", "key": public})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s.key signs: keep it secret. For sparkstalk.yaml of the hosts:\n\nrequire_signed: true\nmodule_keys:\n  - name: %s\n    key: %s\n    tasks: [\"*\"]\n", name, filepath.Base(name), public)
			return err
		},
	}
}

// verified is what verify says of a file.
type verified struct {
	Path   string `json:"path"`
	Sealed bool   `json:"sealed"`
	Signed bool   `json:"signed"`
	Key    string `json:"key,omitempty"`
	Error  string `json:"error,omitempty"`
	*seal.Seal
}

func verifyCommand(s *settings) *cobra.Command {
	var public string
	cmd := &cobra.Command{
		Use:   "verify FILE…",
		Short: "Check the seals and signatures of modules",
		Long: `verify fails if a file is unsealed, not whole or not what was sealed, if its
signature is not valid or, with --key, if it is not signed by that key.`,
		Example: "  sparkstalk verify plugins/reports.wasm --key reports.pub",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var want ed25519.PublicKey
			if public != "" {
				data, err := os.ReadFile(public)
				if err == nil {
					want, err = seal.ParseKey(string(data))
				}
				if err != nil {
					return fmt.Errorf("--key %s: %w", public, err)
				}
			}
			results, failed := make([]verified, 0, len(paths)), false
			for _, path := range paths {
				v := verify(path, want)
				failed = failed || v.Error != ""
				results = append(results, v)
			}
			var err error
			if s.json {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(results)
			}
			for _, v := range results {
				if !s.json && err == nil {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), v)
				}
			}
			if err == nil && failed {
				err = exitCode(1)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&public, "key", "", "`file` of the public key that must have signed")
	return cmd
}

func verify(path string, want ed25519.PublicKey) verified {
	v := verified{Path: path}
	data, err := os.ReadFile(path)
	if err == nil {
		v.Seal, err = seal.Read(data)
	}
	v.Sealed, v.Signed = v.Seal != nil, v.Seal.Signed()
	if v.Signed {
		v.Key = seal.FormatKey(v.Seal.Key)
	}
	switch {
	case err != nil:
		v.Error = err.Error()
	case !v.Sealed:
		v.Error = "it is not sealed: `sparkstalk seal` does that"
	case want != nil && !v.Signed:
		v.Error = "it is not signed"
	case want != nil && !want.Equal(v.Seal.Key):
		v.Error = "another key signed it: " + v.Key
	}
	return v
}

// String is the result for people.
func (v verified) String() string {
	switch {
	case v.Error != "":
		return fmt.Sprintf("%s: FAILED: %s", v.Path, v.Error)
	case v.Signed:
		return fmt.Sprintf("%s: signed by %s as version %d on %s, SHA-256 %s", v.Path, v.Key, v.Version, v.SignedAt.Format("2006-01-02 15:04:05 MST"), v.SHA256)
	}
	return fmt.Sprintf("%s: sealed, SHA-256 %s, not signed", v.Path, v.SHA256)
}
