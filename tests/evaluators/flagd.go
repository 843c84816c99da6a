// Follows a flag file as flagd does, with flagd's own core, and evaluates one flag of it.
//
// Arguments are where the flags are (a path or an http address) and the flag. Each line in is a
// targeting key as JSON, each line out [variant, revision]; an empty line asks for what is due.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"github.com/open-feature/flagd/core/pkg/sync/file"
	"github.com/open-feature/flagd/core/pkg/sync/http"
	"go.uber.org/zap"
)

type everySecond struct{}

func (everySecond) Offset() uint32 { return 0 }

func (everySecond) Start(_ context.Context, look func()) {
	for range time.Tick(time.Second) {
		look()
	}
}

func main() {
	uri, flag := os.Args[1], os.Args[2]
	quiet := logger.NewLogger(zap.NewNop(), false)
	flags, err := store.NewStore(quiet, []string{uri})
	if err != nil {
		log.Fatal(err)
	}
	evaluating := evaluator.NewJSON(quiet, flags)
	follow(uri, quiet, evaluating)
	answer(flag, evaluating)
}

func follow(uri string, quiet *logger.Logger, evaluating *evaluator.JSON) {
	var source sync.ISync = file.NewFileSync(uri, file.FSNOTIFY, 0, quiet)
	if strings.HasPrefix(uri, "http") {
		source = http.NewHTTP(sync.SourceConfig{URI: uri}, quiet, everySecond{}, 1)
	}
	news, first := make(chan sync.DataSync), make(chan struct{})
	isFirst := true
	go func() {
		if err := source.Init(context.Background()); err != nil {
			log.Fatal(err)
		}
		log.Fatal(source.Sync(context.Background(), news))
	}()
	go func() {
		for found := range news {
			found.Source = uri
			if err := evaluating.SetState(found); err != nil {
				log.Print(err)
			} else if isFirst {
				close(first)
				isFirst = false
			}
		}
	}()
	<-first
}

func answer(flag string, evaluating *evaluator.JSON) {
	in, out := bufio.NewScanner(os.Stdin), bufio.NewWriter(os.Stdout)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if len(in.Bytes()) == 0 {
			out.Flush()
			continue
		}
		var key string
		if err := json.Unmarshal(in.Bytes(), &key); err != nil {
			log.Fatal(err)
		}
		_, variant, _, told, err := evaluating.ResolveObjectValue(
			context.Background(), "", flag, map[string]any{"targetingKey": key})
		if err != nil {
			log.Fatal(err)
		}
		line, _ := json.Marshal([]any{variant, told["revision"]})
		out.Write(append(line, '\n'))
	}
}
