"""Analyzers: windows in, findings out."""

from optimizer.orient.alerts import Alerts
from optimizer.orient.cost import Cost
from optimizer.orient.performance import Performance
from optimizer.orient.quality import Quality
from optimizer.orient.traffic import Traffic

ANALYZERS = (Performance(), Cost(), Quality(), Traffic(), Alerts())
