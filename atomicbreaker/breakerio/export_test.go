// SPDX-License-Identifier: Apache-2.0

package breakerio

// AsyncProbesWithoutRepanic is WithAsyncProbes, but undoes WithRepanic. A panic of a user's
// function in the report of an asynchronous probe would end the program, because no caller waits
// there.
var AsyncProbesWithoutRepanic Option = func(o *options) { o.asyncProbes, o.Repanic = true, false }
