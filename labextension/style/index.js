import './base.css';
import './panel.css';
import './cards.css';
import './forms.css';
