// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// The types below are the JSON form of a history. It is meant to be read and edited by hand: phases
// have names, zero values are omitted, and an operation is one line.

type historyJSON struct {
	Why         string           `json:"why"`
	Config      configJSON       `json:"config"`
	Start       stateJSON        `json:"start"`
	Operations  []operationJSON  `json:"operations"`
	Transitions []transitionJSON `json:"transitions"`
	Final       stateJSON        `json:"final"`
	Seed        uint64           `json:"seed,omitempty"`
	Program     *programJSON     `json:"program,omitempty"`
}

type configJSON struct {
	FailureThreshold int      `json:"failure_threshold"`
	HalfOpenMaxCalls int      `json:"half_open_max_calls"`
	SuccessThreshold int      `json:"success_threshold"`
	RecoveryTimeout  duration `json:"recovery_timeout"`
	ProbeTimeout     duration `json:"probe_timeout,omitempty"`
	BackoffMax       duration `json:"backoff_max,omitempty"`
	FailureWeight    int      `json:"failure_weight,omitempty"`
	SuccessWeight    int      `json:"success_weight,omitempty"`
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

type stateJSON struct {
	Phase      string `json:"phase"`
	Generation uint32 `json:"generation"`
	Attempt    int    `json:"attempt,omitempty"`
	Failures   int    `json:"failures,omitempty"`
	Calls      int    `json:"calls,omitempty"`
	Successes  int    `json:"successes,omitempty"`
}

type operationJSON struct {
	Thread     int        `json:"thread"`
	Call       int64      `json:"call"`
	Return     int64      `json:"return"`
	Op         Kind       `json:"op"`
	Generation uint32     `json:"generation,omitempty"`
	Successes  int        `json:"successes,omitempty"`
	Spent      bool       `json:"spent,omitempty"`
	OK         bool       `json:"ok,omitempty"`
	Given      uint32     `json:"given,omitempty"`
	Verdict    string     `json:"verdict,omitempty"`
	Public     string     `json:"public,omitempty"`
	State      *stateJSON `json:"state,omitempty"`
}

type transitionJSON struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Generation uint32 `json:"generation"`
	Cause      string `json:"cause"`
	Failures   int    `json:"failures,omitempty"`
	Attempt    int    `json:"attempt,omitempty"`
}

type programJSON struct {
	Permits []int    `json:"permits"`
	Threads [][]Step `json:"threads"`
}

// MarshalJSON implements [json.Marshaler].
func (h *History) MarshalJSON() ([]byte, error) {
	j := historyJSON{
		Why: h.Why, Seed: h.Seed, Config: toConfigJSON(h.Config), Start: toStateJSON(h.Start), Final: toStateJSON(h.Final),
		Operations: []operationJSON{}, Transitions: []transitionJSON{},
	}
	for _, o := range h.Operations {
		j.Operations = append(j.Operations, toOperationJSON(o))
	}
	for _, t := range h.Received {
		j.Transitions = append(j.Transitions, transitionJSON(t))
	}
	if h.Program != nil {
		j.Program = &programJSON{h.Program.Permits, h.Program.Threads}
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements [json.Unmarshaler]. It rejects unknown names, because a misspelled field
// would leave a history correct that is meant to be wrong.
func (h *History) UnmarshalJSON(text []byte) error {
	var j historyJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	*h = History{Why: j.Why, Seed: j.Seed, Config: j.Config.config()}
	var err error
	if h.Start, err = j.Start.state(); err != nil {
		return err
	}
	if h.Final, err = j.Final.state(); err != nil {
		return err
	}
	for _, o := range j.Operations {
		operation, err := o.operation()
		if err != nil {
			return err
		}
		h.Operations = append(h.Operations, operation)
	}
	for _, t := range j.Transitions {
		h.Received = append(h.Received, model.Transition(t))
	}
	if j.Program != nil {
		h.Program = &Program{h.Config, h.Start, j.Program.Permits, j.Program.Threads}
	}
	return h.Check()
}

// Write writes h in the form of the golden files.
func (h *History) Write(w io.Writer) error {
	compact, err := json.Marshal(h)
	if err != nil {
		return err
	}
	// Each field and each element of a list gets one line. Their contents stay on that line.
	var fields bytes.Buffer
	if err := json.Indent(&fields, compact, "", "\t"); err != nil {
		return err
	}
	_, err = w.Write(shorten(fields.Bytes()))
	return err
}

// shorten joins the lines that are indented by three tabs or more to the line before them.
func shorten(indented []byte) []byte {
	const deepest = 2
	var out bytes.Buffer
	for i, line := range bytes.Split(indented, []byte("\n")) {
		text := bytes.TrimLeft(line, "\t")
		depth := len(line) - len(text)
		closes := depth == deepest && len(text) > 0 && (text[0] == '}' || text[0] == ']')
		switch {
		case depth > deepest || closes:
			if last := out.Bytes()[out.Len()-1]; last == ',' {
				out.WriteByte(' ')
			}
		case i > 0:
			out.WriteByte('\n')
			out.Write(line[:depth])
		}
		out.Write(text)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func toConfigJSON(c model.Config) configJSON {
	return configJSON{
		c.FailureThreshold, c.HalfOpenMaxCalls, c.SuccessThreshold, duration(c.RecoveryTimeout), duration(c.ProbeTimeout),
		duration(c.BackoffMax), c.FailureWeight, c.SuccessWeight,
	}
}

func (j configJSON) config() model.Config {
	return model.Config{
		FailureThreshold: j.FailureThreshold, FailureWeight: j.FailureWeight, SuccessWeight: j.SuccessWeight,
		RecoveryTimeout: time.Duration(j.RecoveryTimeout), ProbeTimeout: time.Duration(j.ProbeTimeout),
		BackoffMax: time.Duration(j.BackoffMax), HalfOpenMaxCalls: j.HalfOpenMaxCalls, SuccessThreshold: j.SuccessThreshold,
	}
}

func toStateJSON(s model.State) stateJSON {
	return stateJSON{s.Phase.String(), s.Generation, s.Attempt, s.Failures, s.Calls, s.Successes}
}

func (j stateJSON) state() (model.State, error) {
	for p := model.Closed; p <= model.Cooling; p++ {
		if p.String() == j.Phase {
			return model.State{
				Phase: p, Generation: j.Generation, Attempt: j.Attempt, Failures: j.Failures, Calls: j.Calls,
				Successes: j.Successes,
			}, nil
		}
	}
	return model.State{}, fmt.Errorf("%w: unknown phase %q", ErrMalformed, j.Phase)
}

func toOperationJSON(o Operation) operationJSON {
	j := operationJSON{
		Thread: o.Thread, Call: o.Call, Return: o.Return, Op: o.Kind, Generation: o.Generation, Successes: o.Successes,
		Spent: o.Spent, OK: o.OK, Given: o.Given, Public: o.Public,
	}
	switch o.Kind { //nolint:exhaustive // the others have neither answer
	case DoAdmit:
		j.Verdict = o.Verdict.String()
	case Snapshot:
		s := toStateJSON(o.State)
		j.State = &s
	}
	return j
}

var verdicts = []model.Verdict{model.Admitted, model.RejectedOpen, model.RejectedProbes}

func (j operationJSON) operation() (Operation, error) {
	o := Operation{
		Thread: j.Thread, Call: j.Call, Return: j.Return, Kind: j.Op, Generation: j.Generation, Successes: j.Successes,
		Spent: j.Spent, OK: j.OK, Given: j.Given, Public: j.Public,
	}
	if j.Op == DoAdmit {
		i := slices.IndexFunc(verdicts, func(v model.Verdict) bool { return v.String() == j.Verdict })
		if i < 0 {
			return o, fmt.Errorf("%w: unknown verdict %q", ErrMalformed, j.Verdict)
		}
		o.Verdict = verdicts[i]
	}
	var err error
	if j.Op == Snapshot {
		if j.State == nil {
			return o, fmt.Errorf("%w: a snapshot without a state", ErrMalformed)
		}
		o.State, err = j.State.state()
	}
	return o, err
}
