// SPDX-License-Identifier: Apache-2.0

// Dashboard generates the Grafana dashboard of package breakerprom:
//
//	cd internal/dashboard && go run . >../../atomicbreaker/breakerprom/dashboard.json
//
// It is a module of its own, which is not released, so that the library does not depend on the
// packages that it uses. Its tests regenerate the file, parse every query of the dashboard and of
// alerts.yml, and look for the queried series in a scrape.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	text, err := generate()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: %v\n", err)
		os.Exit(1)
	}
}

// generate returns the dashboard as JSON.
func generate() ([]byte, error) {
	//nolint:staticcheck // Grafana before version 12 cannot import a dashboard of the newer form.
	d := dashboard.NewDashboardBuilder("Circuit breakers").
		Uid("atomicbreaker").
		Description("The breakers of go-atomicbreaker, exported by package breakerprom.").
		Tags([]string{"atomicbreaker"}).
		Time("now-3h", "now").
		Refresh("30s").
		Timezone("browser").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(variable("job", "Job", `label_values({__name__=~"atomicbreaker_(state|group_breakers)"}, job)`)).
		WithVariable(variable("name", "Name", `label_values({__name__=~"atomicbreaker_(state|group_breakers)",job=~"$job"}, name)`))
	id := uint32(0)
	for _, r := range rows {
		id++
		d.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			id++
			d.WithPanel(p.builder(id))
		}
	}
	built, err := d.Build()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(built, "", "  ")
	return append(text, '\n'), err
}

var datasource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("$datasource")}

// variable returns a variable with all values of a label, of which any number can be selected.
func variable(name, label, query string) *dashboard.QueryVariableBuilder {
	all := dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}
	return dashboard.NewQueryVariableBuilder(name).Label(label).
		Datasource(datasource).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{
			Selected: cog.ToPtr(true), Text: dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}, Value: all,
		})
}

// builder returns the panel in the form that the SDK builds.
func (p *panel) builder(id uint32) cog.Builder[dashboard.Panel] {
	var targets []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		query := prometheus.NewDataqueryBuilder().Expr(q.expr).LegendFormat(q.legend).RefId(string(rune('A' + i)))
		if p.kind == number {
			query.Instant()
		} else {
			query.Range()
		}
		targets = append(targets, query)
	}
	switch p.kind {
	case number:
		return stat.NewPanelBuilder().Id(id).Title(p.title).Description(p.description).Datasource(datasource).
			Height(4).Span(6).Unit(p.unit).Targets(targets).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
			ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeNone).
			Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
				{Color: "green"}, {Value: cog.ToPtr(0.5), Color: p.color},
			}))
	case timeline:
		return statetimeline.NewPanelBuilder().Id(id).Title(p.title).Description(p.description).Datasource(datasource).
			Height(9).Span(24).Targets(targets).
			Mappings([]dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{
				Type: dashboard.MappingTypeValueToText, Options: stateTexts(),
			}}}).
			ShowValue(common.VisibilityModeAuto).MergeValues(true)
	default:
		return timeseries.NewPanelBuilder().Id(id).Title(p.title).Description(p.description).Datasource(datasource).
			Height(8).Span(8).Unit(p.unit).Min(0).Targets(targets).FillOpacity(10)
	}
}

// stateTexts says what the values of the timeline mean. The text tells the states apart without the
// color.
func stateTexts() map[string]dashboard.ValueMappingResult {
	texts := make(map[string]dashboard.ValueMappingResult)
	for i, s := range []struct{ text, color string }{
		{"closed", "green"},
		{"half-open", "yellow"},
		{"open", "red"},
		{"forced closed", "blue"},
		{"forced open", "purple"},
	} {
		texts[fmt.Sprint(i)] = dashboard.ValueMappingResult{
			Text: &s.text, Color: &s.color, Index: cog.ToPtr(int32(i)),
		}
	}
	return texts
}
