# SPDX-License-Identifier: MIT
# A thin front: Meson builds, tools/ does the rest. BUILD=folder, CC, JOBS, DESTDIR, PREFIX as usual.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
MESON ?= meson
NINJA ?= ninja
SETUP ?=

.PHONY: all demo test bench bench-recovery fuzz coverage doc install clean format tidy
.DEFAULT_GOAL := all

all: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) -j $(JOBS) --quiet

# Meson's report is for when it fails; it stays in BUILD/meson-logs.
define setup
said=$$($(MESON) setup $(BUILD) --prefix $(PREFIX) $(SETUP) $(1) 2>&1) || { echo "$$said" >&2; exit 1; }
endef

$(BUILD)/build.ninja:
	@tools/bootstrap build
	@$(call setup)

demo: all
	@tools/bootstrap demo
	@BUILD=$(BUILD) tools/demo

# TESTS='tcp run/spawn' runs only those. What make built without cmocka is set up again with it.
test:
	@tools/bootstrap build demo test
	@test -e $(BUILD)/.with-tests || { test -e $(BUILD)/build.ninja && again=--reconfigure; \
		$(call setup,-Dtests=enabled $$again); }
	@touch $(BUILD)/.with-tests
	@$(NINJA) -C $(BUILD) -j $(JOBS) --quiet all tests
	@tools/run-tests --build $(BUILD) $(TESTS)

bench: all
	@BUILD=$(BUILD) tools/bench

# In virtual time, which is the same on any machine, then against the kernel's TCP in real time, as
# root. QUICK=1: a dozen cells. ARGS='--runs 5 --cells centre,loss-1' goes to tools/bench-recovery.
bench-recovery: all
	@tools/bootstrap plot || echo "without gnuplot there is no plot"
	@for cc in cubic bbr; do $(BUILD)/bench/recovery $(if $(QUICK),--quick) --cc $$cc; done
	@BUILD=$(BUILD) tools/bench-recovery $(if $(QUICK),--quick) $(ARGS)

fuzz:
	@tools/bootstrap build test
	@BUILD=$(BUILD)-fuzz JOBS=$(JOBS) tools/fuzz $(TARGETS)

coverage:
	@tools/bootstrap build test coverage
	@BUILD=$(BUILD)-coverage JOBS=$(JOBS) tools/coverage

doc:
	@tools/matrix --build $(BUILD)

install: all
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD) --no-rebuild

format:
	@git ls-files '*.[ch]' | xargs clang-format -i

tidy:
	@tools/tidy

clean:
	@rm -rf $(BUILD) $(BUILD)-fuzz
