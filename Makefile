# SPDX-License-Identifier: MIT
# A thin front: Meson builds, tools/ does the rest. BUILD=folder, CC, JOBS, DESTDIR, PREFIX as usual.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
MESON ?= meson
NINJA ?= ninja
SETUP ?=

.PHONY: all demo test bench fuzz doc install clean format tidy FORCE
.DEFAULT_GOAL := all

all: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	@tools/bootstrap build
	@$(MESON) setup $(BUILD) --prefix $(PREFIX) $(SETUP)

demo: all
	@tools/bootstrap demo
	@BUILD=$(BUILD) tools/demo

test:
	@tools/bootstrap build test
	@test -e $(BUILD)/build.ninja || $(MESON) setup $(BUILD) --prefix $(PREFIX) $(SETUP)
	@test -e $(BUILD)/.with-tests || $(MESON) configure $(BUILD) -Dtests=enabled
	@touch $(BUILD)/.with-tests
	@$(NINJA) -C $(BUILD) -j $(JOBS) all tests
	@tools/run-tests --build $(BUILD) $(TESTS)

bench: all
	@BUILD=$(BUILD) tools/bench

fuzz:
	@tools/bootstrap build test
	@BUILD=$(BUILD)-fuzz JOBS=$(JOBS) tools/fuzz $(TARGETS)

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
