package unit

import (
	"encoding"
	"flag"
	"reflect"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Flags declares a flag of f for every key of a definition but its name and its
// command, which are arguments. The flag of "limits.memory" is --limits-memory.
func (u *Unit) Flags(f *flag.FlagSet) { declare(f, "", reflect.ValueOf(u).Elem()) }

func declare(f *flag.FlagSet, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		switch key = prefix + key; {
		case key == "name" || key == "command":
		case v.Field(i).Kind() == reflect.Struct:
			declare(f, key+".", v.Field(i))
		default:
			f.Var(&field{v.Field(i)}, strings.NewReplacer(".", "-", "_", "-").Replace(key), usage(key))
		}
	}
}

// usage says what a key is for.
func usage(key string) string {
	for line := range strings.Lines(keys) {
		if name, text, _ := strings.Cut(strings.TrimSpace(line), " "); name == key {
			return strings.ReplaceAll(text, "'", "`")
		}
	}
	return "the `value` of " + key
}

// keys are the keys of a definition with what they are for. The word in quotes
// stands for the value.
const keys = `
description one line of 'text' for people
label groups services, such as 'demo'
kind 'service', oneshot or job
interpreter the 'program' that runs the script; /bin/sh where empty
script the 'text' of a script, in the place of a command
dir the working 'folder'; the home where empty
env a 'variable', as NAME=value; may be given again
env_files a 'file' of variables, read at each start; "-" before it lets it be missing; may be given again
user the 'user' to run as
group the 'group' to run as
limits.memory how much memory all of it may use, such as '64MiB'
limits.cpu_weight its share of the CPU, '1 to 10000', where 100 is usual
limits.open_files how 'many' files each process may have open
limits.processes how 'many' processes there may be
after a 'service' that is started before it, if at all; may be given again
requires a 'service' without which it does not run; may be given again
wants a 'service' that is started with it; may be given again
restart 'always', on-failure or never
backoff.initial the 'wait' before the first restart; 200ms by default
backoff.max the longest 'wait' before a restart; 30s by default
backoff.factor what the wait grows by, '2' by default
backoff.jitter the 'part' of a wait that chance decides; 0.2 by default, -1 for none
max_restarts how 'many' restarts in the window before it rests as failed; 5 by default, -1 for no cap
window the 'time' in which restarts are counted; 1m by default
stop_signal the 'signal' that asks it to end; SIGTERM by default
grace how 'long' it may take to end before it is killed; 10s by default
ready.mode by what it is known to be ready: 'auto', notify, sockets, http, tcp, command or delay
ready.url the 'URL' that answers when it is ready, of mode http
ready.address the 'host:port' that takes connections when it is ready, of mode tcp
ready.command the 'command' that ends well when it is ready, of mode command
ready.delay how 'long' it must stay up, of mode delay
ready.interval the 'time' between two checks; 200ms by default
ready.timeout the 'time' after which a start has failed; 1m by default
watchdog how 'long' it may be silent before it is killed
logs.max_size the 'size' of one log file; 10MiB by default
logs.max_files how 'many' log files are kept; 5 by default
logs.max_age how 'long' a log file is kept
logs.drop lose lines, and count them, rather than hold the process back
schedule when a job runs, such as 'every 15m', or a line of cron
on_demand start it when somebody connects to one of its sockets
sockets a 'socket' that is held for it, of on-demand, relative to the sockets folder; its own by default; may be given again
idle the 'time' without a connection after which an on-demand service ends; for ever where empty
restart_unhealthy restart it after a layer has been unhealthy for this 'long'
`

// field is a key of a definition as a flag.
type field struct{ v reflect.Value }

// String returns nothing: a key that is not given has its default.
func (*field) String() string { return "" }

// IsBoolFlag says that the flag needs no value.
func (d *field) IsBoolFlag() bool { return d.v.IsValid() && d.v.Kind() == reflect.Bool }

// Set takes a value as it stands on the command line.
func (d *field) Set(s string) error {
	if t, ok := d.v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(s))
	}
	switch d.v.Kind() {
	case reflect.String:
		d.v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		d.v.SetBool(b)
		return err
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		d.v.SetInt(n)
		return err
	case reflect.Float64:
		n, err := strconv.ParseFloat(s, 64)
		d.v.SetFloat(n)
		return err
	case reflect.Slice:
		// Names hold no blanks; a command is one value with blanks in it.
		d.v.Set(reflect.AppendSlice(d.v, reflect.ValueOf(strings.Fields(s))))
	case reflect.Map:
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fault.Errorf(fault.Invalid, "it is not NAME=value")
		}
		if d.v.IsNil() {
			d.v.Set(reflect.MakeMap(d.v.Type()))
		}
		d.v.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(value))
	default:
		return fault.Errorf(fault.Internal, "a definition has a key of kind %s", d.v.Kind())
	}
	return nil
}
